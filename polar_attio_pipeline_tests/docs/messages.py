"""The page of messages: each one that the code can say, and what to do."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from polar_attio_pipeline.passes.approvals import CONFIRMABLE
from polar_attio_pipeline.sync.matching import DESCRIPTIONS
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline_tests.docs.attributes import Part
from polar_attio_pipeline_tests.docs.message_advice import ADVICE, REASONS
from polar_attio_pipeline_tests.docs.message_sources import Source, sources

PAGE = "docs/messages.md"

_OTHERS = "Commands and Dagster"
SECTIONS = {
    "Settings": (
        "setting",
        "mapped_setting",
        "cron",
        "cli/required",
        "cli/output",
        "defs/schedules",
        "defs/dagster_private",
    ),
    "Polar": ("polar/",),
    "Attio": ("attio/",),
    "Either service": ("http/", "sync/"),
    "Guards, other writers and passes": ("passes/guards", "passes/brake", "passes/audience", "passes/lease"),
    "The ledger": ("ledger/",),
    "Plans, undo, and customers that are named": ("passes/", "hours", "cli/one_customer"),
    "What doctor finds": ("cli/checks/",),
    "Alerts and checks": ("defs/sensors/", "defs/services", "defs/checks"),
    _OTHERS: ("",),
}
"""The sections of the page, each with the beginnings of the modules whose messages it has; the first one counts."""

_BEGINNINGS = {
    "cron.py": "POLAR_ATTIO_RECONCILIATION_CRON: ",
    "defs/dagster_private.py": "POLAR_ATTIO_RECONCILIATION_CRON: ",
    "ledger/postgres_errors.py": "The ledger … ",
    "mapped_setting.py": "POLAR_ATTIO_ATTRIBUTES: ",
    "setting_values.py": "A setting is not usable: …: ",
    "passes/plan_document.py": "The plan … is not applied, because ",
}
"""What stands before each message of a module that does not begin a sentence."""

_VERBS = (
    "add apply approve begin check chmod choose close compare copy correct create drop end free give keep launch leave "
    "look lower make merge move name open pip press raise read remove rename repeat report restart restore run search "
    "see set start stop switch take try turn unset update upgrade use wait write"
)
_WHAT_TO_DO = re.compile(
    rf"(?:: |\. |; )(?:or |so |then |if [^,]+, )?(?=(?:{'|'.join(_VERBS.split())})\b)", re.IGNORECASE
)

_TELLS = re.compile(rf"(?:{'|'.join(_VERBS.split())}|say)\b", re.IGNORECASE)
"""How a message begins that says nothing but what to do."""

_PROGRAMS = ("chmod ", "pip ")


@dataclass(frozen=True, slots=True)
class Message:
    """A message with what to do about it.

    Attributes:
        source: Where it is said.
        says: What a person reads, without what to do.
        remedy: What to do; empty if neither the message nor a piece of advice says so.
    """

    source: Source
    says: str
    remedy: str


def messages(found: Iterable[Source] | None = None) -> list[Message]:
    """Return every message, each split into what is wrong and what to do; further advice is added."""
    return [_message(source) for source in (sources() if found is None else found)]


def without_remedy(found: Iterable[Message]) -> list[str]:
    """Return the messages about which nothing says what to do."""
    return [f"{one.source.module}: {one.source.text}" for one in found if not one.remedy]


def _message(source: Source) -> Message:
    text = source.text
    if not text.startswith("The ledger"):
        text = _BEGINNINGS.get(source.module, "") + text
    says, remedy = split(text)
    advice = ADVICE.get(source.text, "")
    if not remedy and not advice and _TELLS.match(source.text):
        advice = "Do what it says."
    return Message(source, says, " ".join(filter(None, (remedy, advice))))


def split(text: str) -> tuple[str, str]:
    """Return what is wrong, and what to do, as two sentences; the second is empty where the text says nothing."""
    found = next((one for one in _WHAT_TO_DO.finditer(text) if not _is_in_brackets(text, one.start())), None)
    if found is None:
        return text, ""
    remedy = text[found.start() + 2 :].strip().rstrip(".")
    if remedy.startswith(_PROGRAMS):
        return f"{text[: found.start()]}.", f"Run `{remedy}`."
    return text[: found.start()].rstrip(".") + ".", f"{remedy[0].upper()}{remedy[1:]}."


def _is_in_brackets(text: str, position: int) -> bool:
    before = text[:position]
    return before.count("(") > before.count(")")


def page_parts() -> tuple[Part, ...]:
    """Return the tables of the page, and where they stand."""
    return (
        Part(PAGE, "<!-- reasons: written by make docs -->", "<!-- end of reasons -->", f"\n{reasons()}\n"),
        Part(PAGE, "<!-- approvals: written by make docs -->", "<!-- end of approvals -->", f"\n{approvals()}\n"),
        Part(PAGE, "<!-- messages: written by make docs -->", "<!-- end of messages -->", f"\n{tables(messages())}\n"),
    )


def reasons() -> str:
    """Return the reasons of customers as a table."""
    rows = [f"| `{reason.value}` | {' | '.join(_explained(reason))} |" for reason in Reason]
    return "\n".join(["| Reason | What it means | What to do |", "| --- | --- | --- |", *rows])


def approvals() -> str:
    """Return what a person may approve as a table."""
    rows = [f"| `polar-attio approve {one.name}` | {one.meaning} |" for one in CONFIRMABLE.values()]
    return "\n".join(["| Command | What it allows, once |", "| --- | --- |", *rows])


def _explained(reason: Reason) -> tuple[str, str]:
    for case, (when, then) in DESCRIPTIONS.items():
        if case.value == reason.value:
            return when, then
    return REASONS[reason]


def tables(found: Iterable[Message]) -> str:
    """Return messages as a table for each section."""
    return "\n\n".join(_sections(list(found)))


def _sections(found: list[Message]) -> Iterator[str]:
    for title in SECTIONS:
        rows = sorted({_row(one) for one in found if section(one.source.module) == title}, key=str.lower)
        if rows:
            yield "\n".join([f"### {title}", "", "| It says | What to do |", "| --- | --- |", *rows])


def section(module: str) -> str:
    """Return the section that has the messages of a module."""
    return next(title for title, beginnings in SECTIONS.items() if module.startswith(beginnings))


def _row(message: Message) -> str:
    return f"| {_cell(message.says)} | {_cell(message.remedy)} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
