"""What Polar returns, read tolerantly: fields that are not used may come, go and change."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from polar_attio_pipeline.sync.records import Customer


class Address(BaseModel):
    """A billing address, of which only the country is of interest."""

    country: str | None = None


class CustomerRow(BaseModel):
    """A customer as listed. Polar adds fields without a new API version, and types of customers at will."""

    id: str
    created_at: AwareDatetime
    email: str | None
    name: str | None = None
    type: str = "individual"
    organization_id: str = ""
    external_id: str | None = None
    billing_address: Address | None = None


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

    slug: str


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


_MOMENT = TypeAdapter(AwareDatetime)


def parse_row(item: object) -> CustomerRow | BadRow:
    """Return one listed customer, or what is wrong with it."""
    try:
        return CustomerRow.model_validate(item)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_context=False)[0]
    fields = item if isinstance(item, dict) else {}
    row_id = fields.get("id")
    readable = row_id if isinstance(row_id, str) and row_id else None
    return BadRow(
        key=readable or hashlib.sha256(repr(item).encode()).hexdigest(),
        id=readable,
        field=".".join(map(str, problem["loc"])) or "the whole row",
        message=f"{problem['msg']}.",
        created_at=_moment(fields.get("created_at")),
    )


def to_customer(row: CustomerRow, *, url: Callable[[str], str], read_at: datetime) -> Customer:
    """Return the row as the heart knows customers.

    Args:
        row: As listed.
        url: Gives the page of a customer id in Polar's dashboard.
        read_at: When Polar gave the answer, UTC.
    """
    return Customer(
        id=row.id,
        created_at=row.created_at.astimezone(UTC),
        email=row.email or None,
        name=row.name,
        type=row.type,
        organization_id=row.organization_id,
        external_id=row.external_id,
        country=row.billing_address.country if row.billing_address else None,
        url=url(row.id),
        read_at=read_at,
    )


def _moment(value: object) -> datetime | None:
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None
