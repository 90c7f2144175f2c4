"""What Polar returns, read tolerantly: fields that are not used may come, go and change."""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, SkipValidation, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from polar_attio_pipeline.polar.sources import SaidByCustomer, said_by
from polar_attio_pipeline.sync.outcomes import WHOLE_ROW
from polar_attio_pipeline.sync.records import Customer


class Address(BaseModel):
    """A billing address, of which only the country is of interest."""

    country: str | None = None


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise PydanticCustomError("id", "Input should be a UUID")
    return text.lower()


CanonicalUuid = Annotated[str, AfterValidator(_uuid)]
"""A UUID as text, in small letters."""


def in_utc(moment: datetime) -> datetime:
    """Return an aware moment in UTC.

    Raises:
        PydanticCustomError: UTC has no such moment.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # The first hours of the year 1 and the last ones of 9999, in a zone of their own.
        raise PydanticCustomError("moment", "Input should be a moment between the years 1 and 9999 in UTC") from None


class CustomerRow(BaseModel):
    """A customer as listed. Polar adds fields without a new API version, and types of customers at will."""

    id: CanonicalUuid
    created_at: Annotated[AwareDatetime, AfterValidator(in_utc)]
    email: str | None
    name: str | None = None
    type: str | None = "individual"
    organization_id: str = ""
    external_id: str | None = None
    billing_address: Address | None = None
    mapped: SkipValidation[SaidByCustomer] = ()
    """What is wanted for the attributes that a setting maps; no field of Polar's."""


class Pagination(BaseModel):
    """How much there is: counted just before the page was read, so the two may disagree (Polar's server)."""

    total_count: int
    max_page: int


class Listing(BaseModel):
    """The envelope of every list."""

    items: list[object]
    pagination: Pagination


class Member(BaseModel):
    """A member of a team."""

    email: str | None = None
    name: str | None = None


class Organization(BaseModel):
    """The token's organization."""

    id: str | None = None
    slug: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A customer that could not be read.

    Attributes:
        key: Tells it from other bad rows in a list that is read twice: its id where that is readable.
        id: Its id, where it is readable.
        field: What of it could not be read, as a path.
        message: What is wrong with that, as a sentence; never a value.
        created_at: When it was created; where that is unreadable, the moment of its neighbour in the list; None
            without a neighbour.
    """

    key: str
    id: str | None
    field: str
    message: str
    created_at: datetime | None


_MOMENT = TypeAdapter[datetime](Annotated[AwareDatetime, AfterValidator(in_utc)])


def parse_row(item: object, sources: Collection[str] = ()) -> CustomerRow | BadRow:
    """Return one listed customer, or what is wrong with it.

    Args:
        item: As listed.
        sources: What else is wanted of it, as in `said_by`; a value that cannot be read makes no bad row.
    """
    try:
        return CustomerRow.model_validate(
            {**item, "mapped": said_by(item, sources)} if isinstance(item, dict) else item
        )
    except ValidationError as error:
        problem = error.errors(include_input=False, include_context=False)[0]
    fields = item if isinstance(item, dict) else {}
    row_id = fields.get("id")
    readable = row_id if isinstance(row_id, str) and row_id else None
    return BadRow(
        key=readable or hashlib.sha256(repr(item).encode()).hexdigest(),
        id=readable,
        field=".".join(map(str, problem["loc"])) or "the row itself",
        message=f"{problem['msg']}.",
        created_at=_moment(fields.get("created_at")),
    )


def unserialisable(customer_id: str, created_at: datetime | None) -> BadRow:
    """Return the bad row for a customer that Polar answers 500 for, whatever is asked about it."""
    return BadRow(
        key=customer_id,
        id=customer_id,
        field=WHOLE_ROW,
        message=f"Polar answers 500 for customer {customer_id}: open it in Polar's dashboard and give it an address, "
        "or delete it.",
        created_at=created_at,
    )


def to_customer(row: CustomerRow, *, url: Callable[[str], str], read_at: datetime) -> Customer:
    """Return the row as the core knows customers.

    Args:
        row: As listed.
        url: Gives the page of a customer id in Polar's dashboard.
        read_at: When Polar gave the answer, UTC.
    """
    return Customer(
        id=row.id,
        created_at=row.created_at,
        email=row.email or None,
        name=row.name,
        type=row.type,
        organization_id=row.organization_id,
        external_id=row.external_id,
        country=row.billing_address.country if row.billing_address else None,
        url=url(row.id),
        read_at=read_at,
        mapped=row.mapped,
    )


def _moment(value: object) -> datetime | None:
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None
