"""Every message that the code can say when something is wrong, as it stands in the source.

A message is the text of an error (given to its class, or made by that), of a hint about an answer of a service, of a
finding of `polar-attio doctor`, of a state that alerts announce, or of a command that ends: a call of one of `_CALLS`,
or of a class whose name ends in "Error". Functions and modules that build a sentence for such a call are named below.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline_tests.docs.attributes import ROOT

PACKAGE = ROOT / "polar_attio_pipeline"
GAP = "…"
"""What stands for a part of a message that differs from one time to the next."""

_CALLS = frozenset({"__init__", "Hint", "Finding", "State", "Problem", "Verdict", "fail"})
_SENTENCES = frozenset(
    {
        "attio/attributes.py",
        "defs/services.py",
        "ledger/explain.py",
        "ledger/postgres_errors.py",
        "ledger/privacy.py",
        "ledger/sqlite_errors.py",
        "mapped_setting.py",
    }
)
"""Modules in which every text that says what to do is a message, wherever it stands."""

_RETURNED = {
    "cli/dev_lock.py": ("_taken",),
    "cli/one_customer.py": ("unknown_customer",),
    "defs/sensors/hour_states.py": ("_how_many", "_overdue"),
    "passes/brake.py": ("_why",),
    "setting_names.py": ("unknown", "renamed_keys"),
}
"""Functions of other modules that make a sentence for an error or a state."""

_NOT_SHOWN = frozenset(
    {
        # Caught where they are raised.
        "a moment without a zone",
        "database is locked",
        "the JSON is nested too deeply",
        # Parts of sentences that are listed as a whole.
        " (if another program uses it, add it to …POLAR_ATTIO_IGNORE_NAMES)",
        ", nor do Polar and Attio",
        "people in Attio who hold a Polar id",
        "… (… are on record)",
        "The ledger … …; the driver says: …",
        "Attio set-up",
        "Polar version",
    }
)

_REST = ("; the driver says: …", " (…'s execution id …).", "shows every change with its values.")
"""How sentences end whose beginning is a message already."""

_WELL = ("Level.OK", "well=")
"""Of findings and verdicts that find nothing wrong."""

_INTERNAL = frozenset(
    {
        "__init__.py",
        "attio/models.py",
        "attio/values.py",
        "defs/bounded.py",
        "http/client.py",
        "ledger/values.py",
        "polar/models.py",
    }
)
"""Modules whose errors about values never leave the program: they are caught, or are about a mistake of a caller."""

_SHORTEST = 12
"""Characters; anything shorter is a name or a part of a sentence, unless it goes on after a colon."""


@dataclass(frozen=True, slots=True)
class Source:
    """A message in the source.

    Attributes:
        text: With `GAP` where a value goes.
        module: From the package on, such as "ledger/engine.py".
        call: What it is given to, such as "LedgerError"; empty for a part of a sentence.
    """

    text: str
    module: str
    call: str


def sources(package: Path = PACKAGE) -> list[Source]:
    """Return every message of the package, in the order of its modules, without doubles."""
    found: dict[tuple[str, str], Source] = {}
    for file in sorted(package.rglob("*.py")):
        module = file.relative_to(package).as_posix()
        if module.startswith("sandbox/") or module in _INTERNAL:
            continue
        for source in of_module(file.read_text(encoding="utf-8"), module):
            found.setdefault((source.module.partition("/")[0], source.text), source)
    return list(found.values())


def of_module(code: str, module: str) -> Iterator[Source]:
    """Yield the messages of one module."""
    tree = ast.parse(code)
    names = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_message(call := ast.unparse(node.func).rpartition(".")[2]):
            if any(mark in ast.unparse(node) for mark in _WELL):
                continue
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            texts = [text for argument in given for text in _texts(argument, names) if _is_sentence(text)]
            if call == "ApprovableError":
                texts = [" Nothing was written. ".join(texts)]
            yield from (Source(text, module, call) for text in texts)
        elif isinstance(node, ast.FunctionDef) and node.name in _RETURNED.get(module, ()):
            yield from (Source(text, module, "") for text in _all_texts(node, names) if _is_sentence(text))
    if module in _SENTENCES:
        yield from (Source(text, module, "") for text in _all_texts(tree, names) if _says_what_to_do(text))


def _is_message(call: str) -> bool:
    return call in _CALLS or call.endswith("Error")


def _constants(tree: ast.Module) -> Mapping[str, ast.expr]:
    """Return what stands behind the names of a module, those within functions included."""
    return {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _texts(node: ast.expr, names: Mapping[str, ast.expr]) -> Iterator[str]:
    """Yield the texts that an argument may be: both of a choice, and that of a constant of the module."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body, names)
        yield from _texts(node.orelse, names)
    elif (text := template(node, names)) is not None:
        yield text


def template(node: ast.expr, names: Mapping[str, ast.expr]) -> str | None:
    """Return a text with `GAP` for each value in it; None where the expression is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w+(:[^}]*)?\}", GAP, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part, names) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = template(node.left, names), template(node.right, names)
        return None if parts == (None, None) else "".join(GAP if part is None else part for part in parts)
    if isinstance(node, ast.Name) and node.id in names:
        return template(names[node.id], {})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return template(node.func.value, names)
    return None


def _part(part: ast.expr, names: Mapping[str, ast.expr]) -> str:
    """Return a part of an f-string: constants of the module stand there as they are."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue), "an f-string has no other parts"
    name = part.value.id if isinstance(part.value, ast.Name) else ""
    return (template(part.value, names) if name.isupper() else None) or GAP


def _all_texts(tree: ast.AST, names: Mapping[str, ast.expr]) -> Iterator[str]:
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inner | documentation:
            text = template(node, names)
            if text is not None:
                yield text


def _is_sentence(text: str) -> bool:
    words = text.replace(GAP, "").lstrip()
    is_long = len(words) >= _SHORTEST or ": " in words
    return is_long and " " in words.strip() and text not in _NOT_SHOWN and not text.endswith(_REST)


def _says_what_to_do(text: str) -> bool:
    return _is_sentence(text) and ": " in text and not text.startswith("{")
