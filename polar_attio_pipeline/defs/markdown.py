"""Text of others in Markdown that Dagster's UI shows: a name that a stranger typed at a checkout stays text."""

import re
from collections.abc import Iterable

_ACTIVE = re.compile(r"[\\<\[|]")
"""What begins an escape, an element of HTML, a link or image, or another cell."""

_ADDRESS = re.compile(r"https?://[^\s()<>\\|]+")
"""What may stand between the parentheses of a link; no other scheme, such as javascript:, is opened by a click."""


class Markdown(str):
    """Markdown of ours, in which the text of others is escaped already."""

    __slots__ = ()


def escaped(text: str) -> Markdown:
    """Return a text as Markdown that shows it as it is, in one line; Markdown of ours stays as it is."""
    if isinstance(text, Markdown):
        return text
    return Markdown(_ACTIVE.sub(r"\\\g<0>", text).replace("\n", " ").replace("\r", " "))


def link(text: str, url: str) -> Markdown:
    """Return a link; the text alone where the address is none that a link of ours could have."""
    return Markdown(f"[{escaped(text)}]({url})") if _ADDRESS.fullmatch(url) else escaped(text)


def links(urls: Iterable[str]) -> Markdown:
    """Return addresses as links, each called open."""
    return Markdown(" ".join(link("open", url) for url in urls))


def row(cells: Iterable[str]) -> Markdown:
    """Return the row of a table."""
    return Markdown("| " + " | ".join(map(escaped, cells)) + " |")
