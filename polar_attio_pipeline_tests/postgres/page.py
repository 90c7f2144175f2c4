"""What docs/postgres.md tells people to type, so that the suite does the same."""

import re

from polar_attio_pipeline_tests.faults.dagster_kills import ROOT

_PAGE = ROOT / "docs" / "postgres.md"


def text() -> str:
    """Return the page."""
    return _PAGE.read_text()


def block(language: str) -> str:
    """Return the one block of code in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text(), re.MULTILINE | re.DOTALL)
    return str(found)


def command(program: str) -> str:
    """Return the one command of a program."""
    (found,) = re.findall(rf"^    ({program} .*)$", text(), re.MULTILINE)
    return str(found)
