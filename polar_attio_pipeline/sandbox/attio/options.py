"""Reads what a select option is to be, and changes to one."""

import re
from collections.abc import Mapping
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import (
    AttioError,
    bad_request,
    conflict,
    invalid_body,
    invalid_input,
    wrong_type,
)
from polar_attio_pipeline.sandbox.attio.schema import Attribute, Option
from polar_attio_pipeline.sandbox.attio.store import Store

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_option(store: Store, attribute: Attribute, data: Mapping[str, Any]) -> Option:
    """Return the option that a body's `data` defines.

    Raises:
        AttioError: the title is missing or empty (400), or an option has it, be it an archived one (409).
    """
    title = _title(attribute, data.get("title"), None)
    return Option(store.new_id(), title)


def find_option(attribute: Attribute, title_or_id: str) -> Option:
    """Return an option, archived or not.

    Raises:
        AttioError: the attribute has none of this title or id; 400.
    """
    found = attribute.any_option(title_or_id)
    if found is None:
        raise option_not_found(title_or_id)
    return found


def option_not_found(title_or_id: str) -> AttioError:
    """400 of an option that is not there or archived. It names the option, and neither slug nor id of the attribute."""
    word = "ID" if _UUID.fullmatch(title_or_id) else "title"
    return bad_request("value_not_found", f'Cannot find select attribute with select option {word} "{title_or_id}".')


def change_option(attribute: Attribute, option: Option, data: Mapping[str, Any]) -> None:
    """Change an option as a body's `data` says.

    Raises:
        AttioError: a field is wrong (400), or another option has the title (409).
    """
    archived = data.get("is_archived", option.is_archived)
    if not isinstance(archived, bool):
        raise invalid_body(wrong_type(["data", "is_archived"], "boolean", archived))
    if "title" in data:
        option.title = _title(attribute, data["title"], option)
    option.is_archived = archived


def _title(attribute: Attribute, title: Any, option: Option | None) -> str:
    if not isinstance(title, str) or not title:
        raise invalid_body(invalid_input(["data", "title"]))
    if attribute.any_option(title) not in (None, option):
        raise conflict("slug_conflict", f'There is already another select option with the title "{title}".')
    return title
