"""The licences of what an installation brings, as each package states its own."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from polar_attio_pipeline_tests.docs.attributes import ROOT, Part

OURS = canonicalize_name("polar-attio-pipeline")
EXTRAS = ("postgres",)
"""What a person may install beside it to run it."""

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD",
        "CC0-1.0",
        "ISC",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MPL-2.0",
        "PSF-2.0",
        "Public Domain",
        "Zlib",
    }
)
"""Licences that let anybody use the packages in a program of another licence, unchanged as they are installed. Those of
the LGPL and the MPL ask to pass on changes of the packages themselves; this project changes none."""

_SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    # psycopg2's; its licence text says which version.
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-3.0-or-later",
    "Apache 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What packages write instead of the identifier of SPDX."""

_LONGEST = 80
"""Characters; a longer field is the text of the licence, whose name is in the classifiers."""


@dataclass(frozen=True, slots=True, order=True)
class Licence:
    """A package and its licence.

    Attributes:
        package: Its name.
        expression: Identifiers, joined by AND and OR.
    """

    package: str
    expression: str

    @property
    def is_allowed(self) -> bool:
        """Whether everything that has to be kept is on the list."""
        choices = self.expression.replace("(", "").replace(")", "").split(" OR ")
        return any(set(choice.split(" AND ")) <= ALLOWED for choice in choices)


def licences() -> list[Licence]:
    """Return those of every package that an installation brings on this machine."""
    return sorted(Licence(name, stated(importlib.metadata.metadata(name))) for name in installed())


def stated(metadata: importlib.metadata.PackageMetadata) -> str:
    """Return a package's licence; "not stated" where it says none."""
    if expression := _first(metadata, "License-Expression"):
        return expression
    classifiers = [_spelled(one) for one in metadata.get_all("Classifier") or () if one.startswith("License ::")]
    written = _first(metadata, "License").strip()
    if written and len(written) < _LONGEST and "\n" not in written and _spelled(written) in ALLOWED:
        return _spelled(written)
    named = [one for one in classifiers if one != "OSI Approved"]
    first_line = written.partition("\n")[0].strip()
    if named == ["BSD"] and first_line in _SPELLINGS:
        return _spelled(first_line)
    return " OR ".join(sorted(set(named))) or written or "not stated"


def _first(metadata: importlib.metadata.PackageMetadata, field: str) -> str:
    """Return a field; empty where it is not there."""
    found: list[str] = metadata.get_all(field) or [""]
    return found[0]


def _spelled(text: str) -> str:
    last = text.rpartition(" :: ")[2]
    return _SPELLINGS.get(last, last)


def installed() -> set[NormalizedName]:
    """Return the names of what ours needs on this machine, with what those need, and so on; without ours."""
    found: set[tuple[NormalizedName, str]] = set()
    due: list[tuple[NormalizedName, Iterable[str]]] = [(OURS, EXTRAS)]
    while due:
        name, extras = due.pop()
        for extra in {"", *extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                due += needed(name, extra)
    return {name for name, _ in found} - {OURS}


def needed(name: NormalizedName, extra: str) -> Iterator[tuple[NormalizedName, set[str]]]:
    """Yield what a package with one of its extras needs on this machine."""
    for line in ours(extra) if name == OURS else importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield canonicalize_name(requirement.name), requirement.extras


def ours(extra: str) -> list[str]:
    """Return what this project states that it needs; its installed metadata may be of an earlier state."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return found


def page() -> Part:
    """Return the list of docs/licences.md."""
    rows = [f"| {one.package} | {one.expression} |" for one in licences()]
    text = "\n".join(["| package | licence |", "|---|---|", *rows])
    return Part("docs/licences.md", "<!-- written by make docs -->", "<!-- end -->", f"\n{text}\n")


def listed(content: str) -> dict[str, str]:
    """Return the licences that the page lists, by package."""
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \|$", content, re.MULTILINE)[1:])
