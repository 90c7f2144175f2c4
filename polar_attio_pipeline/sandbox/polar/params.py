"""What requests may say, parsed with pydantic as Polar's server does, so that its complaints read the same."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import UUID4, AfterValidator, BaseModel, GetPydanticSchema, PositiveInt, ValidationError
from pydantic_core import PydanticCustomError, core_schema
from starlette.datastructures import QueryParams

from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.rows import MemberRole

MAX_LIMIT = 100
"""A larger limit is clamped without a word (Polar's server, `API_PAGINATION_MAX_LIMIT`)."""

_MAX_OFFSET = 2**63 - 1
"""Beyond it the database refuses the number, and the server answers 500 (seen on Polar's server)."""

Parsed = TypeVar("Parsed", bound=BaseModel)


def one_of(*names: str) -> AfterValidator:
    """Return a check that a text is one of these names, with or without a minus sign."""
    signed = [f"'{sign}{name}'" for name in names for sign in ("", "-")]
    expected = f"{', '.join(signed[:-1])} or {signed[-1]}"

    def check(text: str) -> str:
        if f"'{text}'" not in signed:
            raise PydanticCustomError("enum", "Input should be {expected}", {"expected": expected})
        return text

    return AfterValidator(check)


def enumeration(name: str, words: Iterable[str]) -> GetPydanticSchema:
    """Return what makes pydantic read one of some words as an enumeration: it refuses others as Polar's server does.

    Args:
        name: Of Polar's enumeration; stands in the refusal.
        words: Its members.
    """
    # By a name that says nothing to mypy, which takes only words that are written out.
    make: Any = StrEnum
    members = make(name, list(words))
    schema = core_schema.enum_schema(members, list(members), sub_type="str")
    return GetPydanticSchema(lambda _source, _handler: schema)


CustomerSort = Annotated[str, one_of("created_at", "email", "name")]
MemberSort = Annotated[str, one_of("created_at")]
OrganizationSort = Annotated[str, one_of("created_at", "slug", "name", "next_review_threshold", "days_in_status")]
Role = Annotated[MemberRole, enumeration("MemberRole", get_args(MemberRole))]
Ids: TypeAlias = UUID4 | list[UUID4] | None
"""A filter by ids, given once or several times; what parses as neither is refused for both (Polar's server)."""


class Page(BaseModel):
    """Paging, of every list."""

    page: PositiveInt = 1
    limit: PositiveInt = 10

    @property
    def size(self) -> int:
        """How many rows a page has."""
        return min(self.limit, MAX_LIMIT)

    @property
    def offset(self) -> int:
        """How many rows come before the page."""
        return (self.page - 1) * self.size


class CustomersQuery(Page):
    """Parameters of `GET /v1/customers/`. Others are ignored."""

    sorting: list[CustomerSort] = ["-created_at"]
    organization_id: Ids = None
    email: str | None = None
    query: str | None = None
    active: bool | None = None


class ExportQuery(BaseModel):
    """Parameters of `GET /v1/customers/export`."""

    organization_id: Ids = None


class MembersQuery(Page):
    """Parameters of `GET /v1/members/`."""

    sorting: list[MemberSort] = ["-created_at"]
    customer_id: str | None = None
    external_customer_id: str | None = None
    role: Role | None = None


class DeleteQuery(BaseModel):
    """Parameters of `DELETE /v1/customers/{id}`."""

    anonymize: bool = False


class CustomerPath(BaseModel):
    """What the addresses of a customer hold."""

    id: UUID4


class OrganizationsQuery(Page):
    """Parameters of `GET /v1/organizations/`: a token has one organization, so that any order is the same."""

    sorting: list[OrganizationSort] = ["created_at"]
    slug: str | None = None


def parse(model: type[Parsed], given: Any, *where: str) -> Parsed:
    """Parse, or end the request with a 422 that says what is wrong where (such as `query` or `body`)."""
    try:
        return model.model_validate(given)
    except ValidationError as refusal:
        entries = refusal.errors(include_url=False)
        detail = [{**entry, "loc": [*where, *entry["loc"]]} for entry in entries]
        raise errors.RefusedError(errors.invalid(detail)) from None


def parse_query(model: type[Parsed], params: QueryParams) -> Parsed:
    """Parse a query string: repeated parameters where a list is expected, else the last one counts."""
    given: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = params.getlist(name)
        if values:
            given[name] = values if "list" in str(field.annotation) else values[-1]
    query = parse(model, given, "query")
    if isinstance(query, Page) and query.offset > _MAX_OFFSET:
        raise errors.RefusedError(errors.server_error())
    return query


def parse_path_id(path_params: dict[str, Any]) -> str:
    """Return the customer id of an address, or end the request with a 422."""
    return str(parse(CustomerPath, path_params, "path").id)


def metadata_filter(query: QueryParams) -> dict[str, list[str]]:
    """Return the wanted values by key of `metadata[key]=value` parameters."""
    wanted: dict[str, list[str]] = {}
    for name, value in query.multi_items():
        found = re.fullmatch(r"metadata\[(.+)\]", name)
        if found:
            wanted.setdefault(found[1], []).append(value)
    return wanted
