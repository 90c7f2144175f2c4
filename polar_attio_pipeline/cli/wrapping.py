"""Lines that fit a terminal. Pure, but for the width of the terminal."""

import shutil
import textwrap

import typer

WIDEST = 100
"""Characters of a line: longer ones are hard to read."""

LABEL = 10
"""Characters of a column of headings."""


def width() -> int:
    """Return how wide lines may be on this terminal."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def wrapped(line: str, width: int, *, label: str | None = None, indent: str = "", hanging: bool = False) -> list[str]:
    """Return a line as several ones that are no longer than the width, but for a word that is.

    Args:
        line: The line; one that begins with "- " is an item of a list.
        width: In characters.
        label: Its heading, in a column of its own, empty for none; None where there is no such column.
        indent: What every line of it begins with.
        hanging: Whether those after the first stand further to the right, as they do in an item of a list.
    """
    first = indent if label is None else f"{indent}{label:<{LABEL}} "
    return textwrap.wrap(
        line,
        width,
        initial_indent=first,
        subsequent_indent=" " * (len(first) + 2 * (hanging or line.startswith("- "))),
        break_long_words=False,
        break_on_hyphens=False,
    )


def counted(number: int, one: str, many: str) -> str:
    """Return a number of things in words.

    Args:
        number: How many.
        one: The noun for one.
        many: The noun for any other number.
    """
    return f"{number:,} {one if number == 1 else many}"


def say(line: str) -> None:
    """Print a line, wrapped."""
    for part in wrapped(line, width()):
        typer.echo(part)
