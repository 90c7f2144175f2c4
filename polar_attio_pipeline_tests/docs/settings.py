"""The settings, as the documentation lists them, and as .env.example has them."""

import re
from datetime import date
from enum import StrEnum
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.docs.attributes import Part

_SIGNS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}
_EXAMPLE = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_TYPES = {
    SecretStr: "secret",
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    date | None: "day",
    dict[str, str]: "one name for each key",
}
_PAGE = re.compile(r"docs/([\w/-]+\.md)")
_OWN_MEANING = {"attio_api_url": "The address of Attio's API."}
"""Of settings whose name says everything."""


def settings_parts() -> tuple[Part, ...]:
    """Return the table of settings, and where it stands."""
    return (Part("docs/settings.md", "<!-- written by make docs -->", "<!-- end -->", f"\n{table()}\n"),)


def table() -> str:
    """Return every setting with its values, default and meaning."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(["| Setting | Value | Default | Meaning |", "| --- | --- | --- | --- |", *rows])


def _row(name: str, field: FieldInfo) -> str:
    meaning = (field.description or _OWN_MEANING.get(name, "")).replace("|", "\\|").replace("*", "\\*")
    meaning = _PAGE.sub(r"[\1](\1)", meaning)
    default = shown_default(field)
    return f"| `{name.upper()}` | {kind(field)} | {f'`{default}`' if default else 'empty'} | {meaning} |"


def kind(field: FieldInfo) -> str:
    """Say what a setting takes, with its bounds."""
    bounds = [
        f"{words} {getattr(bound, sign):g}"
        for bound in field.metadata
        for sort, (sign, words) in _SIGNS.items()
        if isinstance(bound, sort)
    ]
    return ", ".join([_type(field.annotation), *bounds])


def _type(annotation: Any) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    return "text"


def shown_default(field: FieldInfo) -> str:
    """Return the default as one writes it; empty where there is none."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None or default == {} else str(default)


def examples(text: str) -> dict[str, str]:
    """Return what .env.example shows for each name."""
    return dict(_EXAMPLE.findall(text))
