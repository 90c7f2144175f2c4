"""What requests that write customers may hold in their bodies."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from polar_attio_pipeline.sandbox.polar.countries import COUNTRIES, full_state
from polar_attio_pipeline.sandbox.polar.params import enumeration
from polar_attio_pipeline.sandbox.polar.rows import CustomerType

_OWNER_MISSING = "An owner with an email must be provided for a team without an email."


def _email(text: str) -> str:
    local, at, domain = text.strip().rpartition("@")
    if not at:
        reason = "An email address must have an @-sign."
    elif not local or "@" in local or " " in text.strip():
        reason = "The part before the @-sign contains invalid characters."
    elif "." not in domain.strip("."):
        reason = "The part after the @-sign is not valid. It should have a period."
    else:
        return f"{local}@{domain.lower()}"
    raise PydanticCustomError("value_error", "value is not a valid email address: {reason}", {"reason": reason})


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _country(text: str) -> str:
    if text not in COUNTRIES:
        raise PydanticCustomError("value_error", "Invalid country code.")
    return text


def _external_id(text: str | None) -> str | None:
    return text if text and text.strip() else None


Email = Annotated[str, AfterValidator(_email)]
"""An address; only its domain is lower-cased (Polar's server)."""
ExternalId = Annotated[str | None, AfterValidator(_external_id)]
Name = Annotated[str, StringConstraints(max_length=256), AfterValidator(_trimmed)]
"""Trimmed; nothing but spaces is no name."""


Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=40)],
        Annotated[str, StringConstraints(min_length=1, max_length=500)] | int | float | bool,
    ],
    Field(max_length=50),
]
"""At most 50 keys of 40 characters, with texts of 500 characters, numbers or truth values (Polar's contract)."""


class AddressInput(BaseModel):
    """A billing address."""

    country: Annotated[str, AfterValidator(_country)]
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    state: str | None = None

    @model_validator(mode="after")
    def _name_state_in_full(self) -> Self:
        self.state = full_state(self.country, self.state)
        return self


class OwnerInput(BaseModel):
    """The owner of a new customer."""

    email: Email
    name: Name | None = None
    external_id: ExternalId = None


class CustomerUpdate(BaseModel):
    """Body of `PATCH /v1/customers/{id}`."""

    email: Email | None = None
    name: Name | None = None
    type: Annotated[CustomerType, enumeration("CustomerType", get_args(CustomerType))] | None = None
    external_id: ExternalId = None
    billing_address: AddressInput | None = None
    tax_id: str | None = None
    locale: str | None = None
    metadata: Metadata = {}


class TeamCreate(BaseModel):
    """Body of `POST /v1/customers/` for a team."""

    type: Literal["team"]
    email: Email | None = None
    name: Name | None = None
    external_id: ExternalId = None
    billing_address: AddressInput | None = None
    tax_id: str | None = None
    locale: str | None = None
    metadata: Metadata = {}
    owner: OwnerInput | None = None

    @model_validator(mode="after")
    def _need_an_owner(self) -> Self:
        if self.type == "team" and self.email is None and self.owner is None:
            raise PydanticCustomError("value_error", "Value error, {reason}", {"reason": _OWNER_MISSING})
        return self


class IndividualCreate(TeamCreate):
    """Body of `POST /v1/customers/` for an individual."""

    type: Literal["individual"] = "individual"  # type: ignore[assignment]  # the other half of the union
    email: Email
