"""The files that `polar-attio init` writes, as this version has them."""

from pathlib import Path

DAGSTER = "dagster.yaml"
ENVIRONMENT = ".env"
IGNORED = ".gitignore"

_STORED = {DAGSTER: DAGSTER, "workspace.yaml": "workspace.yaml", ENVIRONMENT: ".env.example"}
"""What each is written as, and the file of the repository that it is a copy of. The build puts these into the wheel
(pyproject.toml, force-include), so that none of them is kept twice."""

_LEFT_OUT = (ENVIRONMENT, ".state/", ".logs_queue/", "logs/")
"""Tokens, personal data, and what Dagster writes: nothing that belongs into a repository."""

_PACKAGE = Path(__file__).parents[1]
_IN_WHEEL = _PACKAGE / "templates"
_IN_CLONE = _PACKAGE.parent


def templates() -> dict[str, str]:
    """Return the content of each file by its name, in the order in which a person reads them."""
    folder = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CLONE
    stored = {name: (folder / file).read_text(encoding="utf-8") for name, file in _STORED.items()}
    return {**stored, IGNORED: "".join(f"{name}\n" for name in _LEFT_OUT)}
