"""What a customer has in Polar beside itself, subscriptions and orders, listed a page at a time."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, TypeAdapter, ValidationError

from polar_attio_pipeline.polar.models import CanonicalUuid, in_utc

Value = TypeVar("Value")
Row = TypeVar("Row", bound=BaseModel)

UtcMoment = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""A moment as Polar gives it."""

Currency = Annotated[str, AfterValidator(str.upper)]
"""A code of ISO 4217: Polar spells it in small letters, the core in capitals."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """A subscription or an order, read or unreadable.

    Attributes:
        key: Its id; where that is unreadable, a hash of all of it.
        customer_id: Whose it is; None where that is unreadable.
        moment: What the list is sorted by.
        value: What was read; None where it cannot be.
        problem: What of it could not be read, and why; never a value.
    """

    key: str
    customer_id: str | None
    moment: datetime | None
    value: Value | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EntryPage(Generic[Value]):
    """A stretch of a list, newest first; a `walking.Stretch`.

    Attributes:
        start: How many rows of the list come before it.
        limit: How many rows were asked for.
        entries: Those that came, in order.
        total_count: Rows in the whole list, counted just before the page was read.
    """

    start: int
    limit: int
    entries: tuple[Entry[Value], ...]
    total_count: int

    @property
    def end(self) -> int:
        """How many rows of the list come before its end."""
        return self.start + len(self.entries)

    @property
    def full(self) -> bool:
        """Whether more rows may follow."""
        return len(self.entries) >= self.limit

    @property
    def keys(self) -> list[str]:
        """The keys of the rows."""
        return [entry.key for entry in self.entries]

    @property
    def newest(self) -> datetime | None:
        """The moment of the first row; None when no row has one."""
        return next((entry.moment for entry in self.entries if entry.moment), None)

    @property
    def oldest(self) -> datetime | None:
        """The moment of the last row; None when no row has one."""
        return next((entry.moment for entry in reversed(self.entries) if entry.moment), None)

    @property
    def ties(self) -> int:
        """How many rows at its end have one moment, if more than one: further keys tie rarely, but names change."""
        same = list(itertools.takewhile(lambda entry: entry.moment == self.oldest, reversed(self.entries)))
        return len(same) if len(same) > 1 else 0


_MOMENT = TypeAdapter[datetime](UtcMoment)
_UUID = TypeAdapter[str](CanonicalUuid)


def entry_of(item: object, *, model: type[Row], value: Callable[[Row], Value], sorted_by: str) -> Entry[Value]:
    """Return one listed row, or what is wrong with it.

    Args:
        item: As listed.
        model: Its shape.
        value: Takes what is of interest out of it.
        sorted_by: The field that the list is sorted by.
    """
    fields = item if isinstance(item, dict) else {}
    try:
        row = model.model_validate(item)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_context=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the row itself"
        found, sentence = None, f"{place}: {problem['msg']}"
    else:
        found, sentence = value(row), ""
    return Entry(
        key=_read(_UUID, fields.get("id")) or hashlib.sha256(repr(item).encode()).hexdigest(),
        customer_id=_read(_UUID, fields.get("customer_id")),
        moment=_read(_MOMENT, fields.get(sorted_by)),
        value=found,
        problem=sentence,
    )


def _read(kind: TypeAdapter[Value], given: object) -> Value | None:
    try:
        return kind.validate_python(given)
    except ValidationError:
        return None
