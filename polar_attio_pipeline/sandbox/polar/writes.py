"""Polar's routes that write customers."""

import json
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.bodies import CustomerUpdate, IndividualCreate, TeamCreate
from polar_attio_pipeline.sandbox.polar.changes import CustomerFields
from polar_attio_pipeline.sandbox.polar.countries import tax_format
from polar_attio_pipeline.sandbox.polar.params import DeleteQuery, parse, parse_path_id, parse_query
from polar_attio_pipeline.sandbox.polar.render import customer_json
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld, TakenError

_TAKEN = {
    "email": "A customer with this email address already exists.",
    "external_id": "A customer with this external ID already exists.",
}


class Writes:
    """The handlers, over one organization. Each takes a request whose token has the scope, and its body."""

    def __init__(self, world: PolarWorld) -> None:
        self._world = world

    def create(self, _: Request, body: bytes) -> Response:
        """Create a customer."""
        given = _json(body)
        is_team = isinstance(given, dict) and given.get("type") == "team"
        wanted = parse(TeamCreate, given, "body", "team") if is_team else _individual(given)
        fields = cast(CustomerFields, _with_tax_format(wanted.model_dump(exclude={"owner"}), None))
        with self._world.lock:
            try:
                row = self._world.add_customer(**fields)
            except TakenError as taken:
                raise _conflict(taken, given) from None
            self._add_owner(row, wanted)
        return Json(customer_json(row, self._world.organization.id), 201)

    def update(self, request: Request, body: bytes) -> Response:
        """Change the fields that are given."""
        given = _json(body)
        wanted = parse(CustomerUpdate, given, "body")
        with self._world.lock:
            row = self._found(request)
            fields = wanted.model_dump(exclude_unset=True)
            if wanted.email is None or (row.email and row.email.lower() == wanted.email.lower()):
                fields.pop("email", None)
            else:
                fields["email_verified"] = False
            if wanted.type is None:
                fields.pop("type", None)
            fields = _with_tax_format(fields, row)
            impossible = _impossible(row, fields)
            if impossible:
                raise errors.RefusedError(errors.conflicts(impossible))
            try:
                row = self._world.update_customer(row.id, **cast(CustomerFields, fields))
            except TakenError as taken:
                raise _conflict(taken, given) from None
        if not row.serialisable:
            return errors.server_error()
        return Json(customer_json(row, self._world.organization.id))

    def delete(self, request: Request, _: bytes) -> Response:
        """Delete softly."""
        query = parse_query(DeleteQuery, request.query_params)
        with self._world.lock:
            row = self._found(request)
            self._world.delete_customer(row.id, anonymize=query.anonymize)
        return Response(status_code=204, media_type="application/json")

    def _found(self, request: Request) -> Customer:
        self._world.settle()
        if "external_id" in request.path_params:
            row = self._world.by_external_id(request.path_params["external_id"])
        else:
            row = self._world.customers.get(parse_path_id(request.path_params))
        if row is None:
            raise errors.RefusedError(errors.not_found())
        return row

    def _add_owner(self, row: Customer, wanted: TeamCreate) -> None:
        if wanted.owner is not None:
            owner = wanted.owner
            self._world.add_member(row.id, email=owner.email, name=owner.name, external_id=owner.external_id)
        elif row.type == "team" and row.email is not None:
            self._world.add_member(row.id, email=row.email, name=row.name, external_id=row.external_id)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except json.JSONDecodeError as broken:
        entry = {"type": "json_invalid", "loc": ["body", broken.pos], "msg": "JSON decode error", "input": {}}
        raise errors.RefusedError(errors.invalid([{**entry, "ctx": {"error": broken.msg}}])) from None


def _individual(given: Any) -> IndividualCreate:
    return parse(IndividualCreate, given, "body", "individual")


def _with_tax_format(fields: dict[str, Any], row: Customer | None) -> dict[str, Any]:
    """Return the fields with a tax id as Polar stores it: with its format, which the country of the address decides."""
    number = fields.get("tax_id")
    if number is None:
        return fields
    address = fields.get("billing_address") or (row and row.billing_address) or {}
    kind = tax_format(address.get("country") or "")
    if kind is None:
        raise errors.RefusedError(errors.conflicts([errors.refused("tax_id", "Invalid tax ID.", number)]))
    return {**fields, "tax_id": (number, kind)}


def _impossible(row: Customer, fields: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    if "billing_address" in fields and fields["billing_address"] is None:
        message = "Customer billing address cannot be reset to null once set."
        found.append(errors.refused("billing_address", message, None))
    if row.external_id is not None and fields.get("external_id", row.external_id) != row.external_id:
        message = "Customer external ID cannot be updated."
        found.append(errors.refused("external_id", message, fields["external_id"]))
    if row.type == "team" and fields.get("type") == "individual":
        message = "Customer type cannot be downgraded from 'team' to 'individual'."
        found.append(errors.refused("type", message, "individual"))
    return found


def _conflict(taken: TakenError, given: Any) -> errors.RefusedError:
    return errors.RefusedError(errors.conflicts([errors.refused(taken.field, _TAKEN[taken.field], given[taken.field])]))
