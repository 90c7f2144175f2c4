"""The site of the documentation: its pages, their order, and llms.txt, which lists them for programs that read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from polar_attio_pipeline_tests.docs.attributes import ROOT, Part

CONFIG = ROOT / "mkdocs.yml"
DOCS = ROOT / "docs"

OF_THE_ROOT = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security-policy.md": "SECURITY.md",
}
"""Pages of the site that lie in the root of the repository, by their name in the site."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation.

    Attributes:
        section: Under which it stands; empty for the first page.
        title: Of its link.
        page: Its name in the site, such as "deploy/compose.md".
    """

    section: str
    title: str
    page: str

    @property
    def path(self) -> str:
        """The file, from the root of the repository."""
        return OF_THE_ROOT.get(self.page, f"docs/{self.page}")


@cache
def config() -> dict[str, Any]:
    """Return the configuration of the site."""
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return found


def navigation() -> list[Entry]:
    """Return every page of the navigation, in its order."""
    return list(_entries(config()["nav"], ""))


def _entries(nav: list[dict[str, Any]], section: str) -> Iterator[Entry]:
    for item in nav:
        ((title, value),) = item.items()
        if isinstance(value, list):
            yield from _entries(value, title)
        else:
            yield Entry(section, title, value)


def llms_parts(root: Path = ROOT) -> tuple[Part, ...]:
    """Return the lists of pages of llms.txt, and where they stand."""
    return (Part("llms.txt", "<!-- pages: written by make docs -->", "<!-- end of pages -->", f"\n{_pages(root)}\n"),)


def _pages(root: Path) -> str:
    lines: list[str] = []
    section = None
    for entry in navigation():
        if not (root / entry.path).exists():
            continue
        if (entry.section or "Start") != section:
            section = entry.section or "Start"
            lines += ["", f"## {section}", ""]
        about = _first_sentence((root / entry.path).read_text(encoding="utf-8"))
        lines.append(f"- [{entry.title}]({entry.path}): {about}" if about else f"- [{entry.title}]({entry.path})")
    return "\n".join(lines).strip()


def _first_sentence(markdown: str) -> str:
    """Return the first sentence of a page, without links; empty where there is no paragraph."""
    paragraphs = [part for part in markdown.split("\n\n") if part.strip()]
    text = next((part for part in paragraphs if part[0].isalnum() or part[0] == "`"), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))
    found = re.match(r".+?[.:](?= |$)", plain)
    return re.sub(":$", ".", found[0]) if found else ""
