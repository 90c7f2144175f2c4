"""The attributes of the mapping, as the documentation lists them: a table, and the settings that rename them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.mapping import Attribute

ROOT = Path(__file__).parents[2]
"""Of the repository."""

_HEAD = (
    "Key and default slug",
    "Attio type",
    "In the workspace",
    "Written over what differs",
    "Meaning",
    "In Polar",
    "Polar scope",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that is written by the command.

    Attributes:
        path: The file, from the root of the repository.
        begin: The line before the part.
        end: The line after it.
        text: What stands between them.
    """

    path: str
    begin: str
    end: str
    text: str

    def put_into(self, content: str) -> str:
        """Return the content of the file with this part brought up to date.

        Raises:
            ValueError: the file lacks the lines between which it goes.
        """
        before, begin, rest = content.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not begin or not end:
            raise ValueError(f"{self.path} lacks the lines between which attributes go: {self.begin} and {self.end}")
        return f"{before}{begin}\n{self.text}\n{end}{after}"


def parts(attributes: Iterable[Attribute[Any]] = ATTRIBUTES) -> tuple[Part, ...]:
    """Return what is written, and where."""
    listed = list(attributes)
    return (
        Part("docs/attributes.md", "<!-- written by make docs -->", "<!-- end -->", f"\n{table(listed)}\n"),
        Part(".env.example", "# (written by make docs)", "# (end)", settings(PEOPLE, listed)),
    )


def write(root: Path, some: Iterable[Part] | None = None) -> list[str]:
    """Bring every part up to date, and return the files that were not.

    Args:
        root: Of the repository.
        some: The parts to write; those of the attributes unless given.

    Raises:
        ValueError: a file lacks the lines between which its part goes.
    """
    changed = []
    for part in parts() if some is None else some:
        file = root / part.path
        before = file.read_text(encoding="utf-8")
        after = part.put_into(before)
        if after != before:
            file.write_text(after, encoding="utf-8")
            changed.append(part.path)
    return changed


def table(attributes: Iterable[Attribute[Any]]) -> str:
    """Return attributes as a table in Markdown."""
    rows = [_HEAD, ["---"] * len(_HEAD), *map(_row, attributes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(attribute: Attribute[Any]) -> list[str]:
    kind = "required" if attribute.required else "standard" if attribute.standard else "optional"
    types = " or ".join(attribute.types)
    if attribute.options:
        types += f"; options of the select: {', '.join(attribute.options)}"
    scope = f"`{attribute.scope}`"
    return [f"`{attribute.key}`", types, kind, attribute.policy, attribute.description, attribute.source, scope]


def settings(attio_object: AttioObject, attributes: Iterable[Attribute[Any]]) -> str:
    """Return the settings that rename attributes of an object, as lines of .env.example."""
    ours = [attribute.key for attribute in attributes if not attribute.standard]
    return "\n".join(f"# {attio_object.setting(key)}={key}" for key in ours)
