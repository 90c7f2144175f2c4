"""What the pages say to a machine: links, anchors, code."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from polar_attio_pipeline_tests.docs.attributes import ROOT

PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
)
"""Every page of the repository, from its root; llms.txt is Markdown too."""

OLD = ("CHANGELOG.md",)
"""Pages whose commands and names are those of earlier versions as well."""

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Code:
    """Code on a page.

    Attributes:
        page: Its path.
        text: One command or name in a sentence, or the lines of a block.
        language: Of a block that names one.
        is_block: Whether it is a block.
    """

    page: str
    text: str
    language: str = ""
    is_block: bool = False


@cache
def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def links(markdown: str) -> list[str]:
    """Return where the links and pictures of a page lead to."""
    return [
        str(token.attrGet("href") or token.attrGet("src"))
        for token in _inline(markdown)
        if token.type in {"link_open", "image"}
    ]


def code(page: str, markdown: str) -> Iterator[Code]:
    """Yield the code of a page: that in sentences, and each block."""
    yield from (Code(page, token.content) for token in _inline(markdown) if token.type == "code_inline")
    for token in _PARSER.parse(markdown):
        if token.type in {"fence", "code_block"}:
            yield Code(page, token.content, token.info, is_block=True)


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    tokens = _PARSER.parse(markdown)
    found: list[str] = []
    seen: Counter[str] = Counter()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            name = slug("".join(child.content for child in inline.children or []))
            found.append(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return set(found)


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    plain = unicodedata.normalize("NFKC", heading).strip().lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain))


def broken_links(page: str, markdown: str, *, root: Path = ROOT) -> list[str]:
    """Return the links of a page that lead to no file or no heading of the repository.

    Args:
        page: Its path, from the root.
        markdown: Its text.
        root: Of the repository.
    """
    return [link for link in links(markdown) if not _leads_somewhere(root, page, link)]


def _leads_somewhere(root: Path, page: str, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    file = ((root / page).parent / path).resolve() if path else root / page
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


def _inline(markdown: str) -> Iterator[Token]:
    for token in _PARSER.parse(markdown):
        yield from token.children or ()
