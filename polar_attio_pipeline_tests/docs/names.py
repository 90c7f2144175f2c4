"""The settings and the paths that the pages name, held against what there is."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import SecretStr

from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.pages import Code

_SETTING = re.compile(r"(?<![\w-])((?:POLAR|ATTIO)_[A-Z0-9_]*[A-Z0-9])(?![\w*])")
_NESTED = ("ATTIO_SLUG__", "ATTIO_COMPANY_SLUG__", "ATTIO_SLUG_", "ATTIO_COMPANY_SLUG_")
OF_OTHERS = ("POLAR_WEBHOOK_SECRET", "POLAR_PORT*", "POLAR_ATTIO_SERVICE_HOST", "POLAR_ATTIO_WOH")
"""In examples: names of other programs, of what Kubernetes sets, and a mistyped one."""

_SUFFIXES = (".css", ".example", ".md", ".png", ".py", ".service", ".svg", ".timer", ".toml", ".yaml", ".yml")
_PATH = re.compile(r"[\w.-]*(?:/[\w.-]+)*/?")
_ROOMS = tuple(
    path.name for path in sorted((ROOT / "polar_attio_pipeline").iterdir()) if path.is_dir() and path.name[0] != "_"
)
_HOMES = ("", "polar_attio_pipeline", "polar_attio_pipeline_tests", "docs")


def names_of_files() -> list[str]:
    """Return the names under which a secret may be given as a file."""
    return [f"{name.upper()}_FILE" for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


def unknown_settings(code: Code) -> list[str]:
    """Return the names in code that begin like a setting and are none."""
    known = {name.upper() for name in Settings.model_fields}
    files = set(names_of_files())
    return [
        name
        for name in _SETTING.findall(code.text)
        if name not in known | files
        and not name.startswith(_NESTED)
        and not any(fnmatchcase(name, other) for other in OF_OTHERS)
    ]


def missing_paths(code: Code) -> Iterator[str]:
    """Yield what is named like a file or a folder of the repository and is none."""
    text = code.text.strip()
    if code.is_block or not _PATH.fullmatch(text) or not _is_of_the_repository(text):
        return
    if not any((ROOT / home / text).exists() for home in _HOMES) and not _is_somewhere(text):
        yield text


def _is_of_the_repository(text: str) -> bool:
    first, slash, _ = text.partition("/")
    if not slash:
        return text.endswith((".py", ".md"))
    ending = text.rpartition("/")[2].rpartition(".")[1:]
    if first in _ROOMS and not ending[0]:
        # A room may be called like something else: `http/protobuf`.
        return text.endswith("/")
    # A name with a point in it may be that of a function: `ledger/lease.acquire`.
    return (not ending[0] or "".join(ending) in _SUFFIXES) and first in {
        *_ROOMS,
        *_HOMES[1:],
        "deploy",
        ".ci",
        ".github",
    }


def _is_somewhere(text: str) -> bool:
    """Tell whether a room has such a path, as `faults/bounds.py` of the tests, or such a file, as `ports.py`."""
    return any(any((ROOT / home).glob(f"**/{text.rstrip('/')}")) for home in _HOMES[1:])
