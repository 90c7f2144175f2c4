"""A plan as JSON: the form of the file, strictly read, and a checksum over all of it.

What another version has written, what was cut and what was edited is refused here, with one sentence.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from polar_attio_pipeline.ledger.values import from_plain, to_plain
from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline.sync.records import Value

FORMAT = 1
"""The version of the form that this program writes and reads."""

KIND = "polar-attio plan"


class PlanFormError(ValueError):
    """A text is no plan that can be read; the error says why, as the end of a sentence."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ChangeEntry(_Strict):
    """One attribute: its key, what the person held and what is to be written, each in the form of `ledger.values`."""

    attribute: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class Entry(_Strict):
    """What is to be written for one customer; `record_id` is null of a person who is to be created."""

    customer_id: str
    action: Literal["create", "update"]
    record_id: str | None
    changes: list[ChangeEntry]


class Covered(_Strict):
    """The hours that a plan is about, as partition keys."""

    first_hour: str
    last_hour: str


class Document(_Strict):
    """The whole file.

    Attributes:
        kind: Always `KIND`.
        format: Always `FORMAT`.
        made_at: When the plan was made, ISO 8601.
        organization_id: Of Polar; null where no customer said it.
        workspace_id: Of Attio; null where the key did not say it.
        covers: The hours; null for all customers.
        counts: Customers by what would be done, as `polar-attio plan --json` has them.
        customers: Those for whom something is to be written.
        deleted: People whose customer was deleted in Polar, to whom something is to be written.
        sha256: Of all the rest, in the canonical form of `checksum`.
    """

    kind: Literal["polar-attio plan"]
    format: Literal[1]
    made_at: str
    organization_id: str | None
    workspace_id: str | None
    covers: Covered | None
    counts: dict[str, int]
    customers: list[Entry]
    deleted: list[Entry]
    sha256: str


def checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a document without its checksum: keys sorted, no spaces, ASCII."""
    plain = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def text_of(content: dict[str, Any]) -> str:
    """Return the text of a document, its checksum added: a line for each field, and for each customer."""
    whole = {**content, "sha256": checksum(content)}
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_lines(value)}" for key, value in whole.items()) + "\n}\n"


def _lines(value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"


def parse(text: str) -> Document:
    """Return a document out of its text.

    Raises:
        PlanFormError: it is no plan, of another version, cut, or edited.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise PlanFormError("it is no whole JSON document: it was cut, edited, or is no plan") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise PlanFormError("it is no plan of this program")
    if content.get("format") != FORMAT:
        raise PlanFormError(f"its format is {content.get('format')!r}, and this version reads {FORMAT} only")
    if content.get("sha256") != checksum(content):
        raise PlanFormError("it was edited or damaged after it was written: its content does not match its checksum")
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PlanFormError(f"its entry {where} is not as this program writes it") from None


def moment(text: str) -> datetime:
    """Return a time out of its text, in UTC.

    Raises:
        PlanFormError: it is none, or says no time zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise PlanFormError(f"the time {text!r} is none with a time zone")
    return at.astimezone(UTC)


def entries(approved: Sequence[Approved]) -> list[dict[str, Any]]:
    """Return what was agreed, as it stands in a document."""
    return [
        {
            "customer_id": one.customer_id,
            "action": one.action.value,
            "record_id": one.record_id,
            "changes": [
                {"attribute": change.key, "old": _plain(change.old), "new": _plain(change.new)}
                for change in one.changes
            ],
        }
        for one in approved
    ]


def approved(found: Sequence[Entry]) -> Iterator[Approved]:
    """Yield what was agreed, out of a document.

    Raises:
        PlanFormError: an entry contradicts itself, or holds an impossible value.
    """
    for entry in found:
        if (entry.action == "create") != (entry.record_id is None):
            raise PlanFormError(f"the entry of customer {entry.customer_id} does not say whom to write to")
        changes = tuple(
            Change(one.attribute, _value(entry, one.attribute, one.old), _value(entry, one.attribute, one.new))
            for one in entry.changes
        )
        yield Approved(entry.customer_id, entry.record_id, changes)


def _plain(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else to_plain(value)


def _value(entry: Entry, attribute: str, plain: dict[str, Any] | None) -> Value | None:
    if plain is None:
        return None
    try:
        value = from_plain(plain)
    except ValueError:
        value = ()
    if isinstance(value, tuple):
        raise PlanFormError(f"the entry of customer {entry.customer_id} holds an impossible value of {attribute}")
    return value
