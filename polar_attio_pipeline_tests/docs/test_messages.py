"""Every message of the code is on the page, with what to do."""

from collections import Counter

import pytest

from polar_attio_pipeline.passes.approvals import CONFIRMABLE
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline_tests.docs.attributes import ROOT, Part
from polar_attio_pipeline_tests.docs.message_advice import ADVICE
from polar_attio_pipeline_tests.docs.message_sources import Source, of_module
from polar_attio_pipeline_tests.docs.messages import (
    SECTIONS,
    messages,
    page_parts,
    section,
    split,
    tables,
    without_remedy,
)
from polar_attio_pipeline_tests.docs.pages import read

ALL = messages()


@pytest.mark.parametrize("part", page_parts(), ids=lambda part: part.begin)
def test_the_page_is_up_to_date(part: Part) -> None:
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, "docs/messages.md does not list every message: run make docs"


def test_of_every_message_it_is_known_what_to_do() -> None:
    assert without_remedy(ALL) == [], "let the message say what to do, or add it to message_advice.py"


def test_no_advice_is_about_a_message_that_is_gone() -> None:
    assert ADVICE.keys() - {message.source.text for message in ALL} == set()


def test_every_reason_and_every_approval_is_explained() -> None:
    page = read("docs/messages.md")

    assert [reason.value for reason in Reason if f"| `{reason.value}` |" not in page] == []
    assert [name for name in CONFIRMABLE if f"| `polar-attio approve {name}` |" not in page] == []


def test_each_room_has_its_messages_on_the_page() -> None:
    titles = Counter(section(message.source.module) for message in ALL)

    assert all(titles[title] > 5 for title in SECTIONS), titles


CODE = '''
"""A module."""
_WHERE = "({status} on {request})"
_EXAMPLE = "a: b"

def open_it(path, kind):
    """Return nothing: use it."""
    if kind:
        raise LedgerError(f"The ledger {path} is gone: make it like {_EXAMPLE}.")
    finding = Finding("ledger", Level.FAIL, "It is bad: mend it." if path else "It is worse: leave it.")
    log("This is no message: leave it.")
    return Finding("ledger", Level.OK, "All of it is well."), Hint(FatalError, "No " + _WHERE + ": set it.")
'''


def test_messages_are_found_where_they_are_said() -> None:
    assert {(source.call, source.text) for source in of_module(CODE, "x.py")} == {
        ("Finding", "It is bad: mend it."),
        ("Finding", "It is worse: leave it."),
        ("Hint", "No (… on …): set it."),
        ("LedgerError", "The ledger … is gone: make it like a: b."),
    }


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        ("The disk is full: free some space.", "The disk is full.", "Free some space."),
        ("It is odd (see: here): set … to x.", "It is odd (see: here).", "Set … to x."),
        ("It differs. Nothing was written. Make a new one.", "It differs. Nothing was written.", "Make a new one."),
        ("Others can read it: chmod 600 …", "Others can read it.", "Run `chmod 600 …`."),
        ("It is so: it was cut.", "It is so: it was cut.", ""),
    ],
)
def test_a_message_is_split_into_what_is_wrong_and_what_to_do(text: str, says: str, remedy: str) -> None:
    assert split(text) == (says, remedy)


def test_a_message_without_a_remedy_is_named() -> None:
    new = Source("Something is odd.", "polar/odd.py", "PolarError")

    assert without_remedy(messages([new])) == ["polar/odd.py: Something is odd."]


def test_a_message_stands_in_the_section_of_its_module() -> None:
    new = Source("A | b is odd: set it.", "polar/odd.py", "PolarError")

    assert section("polar/odd.py") == "Polar"
    assert section("cli/new.py") == "Commands and Dagster"
    assert tables(messages([new])).splitlines()[-1] == "| A \\| b is odd. | Set it. |"
