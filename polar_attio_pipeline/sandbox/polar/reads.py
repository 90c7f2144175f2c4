"""Polar's routes that read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.churn import ChurnRunner
from polar_attio_pipeline.sandbox.polar.export import export_response
from polar_attio_pipeline.sandbox.polar.listing import is_any_of, listed
from polar_attio_pipeline.sandbox.polar.ordering import cut_page, sort_key
from polar_attio_pipeline.sandbox.polar.organization import organization_json
from polar_attio_pipeline.sandbox.polar.params import (
    CustomersQuery,
    ExportQuery,
    Ids,
    MembersQuery,
    OrganizationsQuery,
    Page,
    metadata_filter,
    parse_path_id,
    parse_query,
)
from polar_attio_pipeline.sandbox.polar.render import customer_json, member_json
from polar_attio_pipeline.sandbox.polar.render_billing import state_json
from polar_attio_pipeline.sandbox.polar.rows import Customer, Member
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

Row = TypeVar("Row")
Rows = tuple[Sequence[Row], Callable[[Row], tuple[Any, ...]]]


class Reads:
    """The handlers, over one organization. Each takes a request whose token has the scope.

    Args:
        world: What is read.
        churn: What happens while customers are listed.
    """

    def __init__(self, world: PolarWorld, churn: ChurnRunner) -> None:
        self._world = world
        self._churn = churn

    def customers(self, request: Request) -> Response:
        """List customers."""
        query = parse_query(CustomersQuery, request.query_params)
        wanted = metadata_filter(request.query_params)
        with self._world.lock:
            self._world.settle()
            rows, key = self._customers(query, wanted)
            if self._churned("before", query, rows):
                rows, key = self._customers(query, wanted)
            total = len(rows)
            if self._churned("between_count_and_page", query, rows):
                rows, key = self._customers(query, wanted)
            page = cut_page(rows, key, offset=query.offset, limit=query.size)
        if not all(row.serialisable for row in page):
            return errors.server_error()
        organization_id = self._world.organization.id
        return listed([customer_json(row, organization_id) for row in page], total, query)

    def export(self, request: Request) -> Response:
        """Export every customer as CSV, in one snapshot."""
        query = parse_query(ExportQuery, request.query_params)
        with self._world.lock:
            self._world.settle()
            return export_response(self._world.view if self._ours(query.organization_id) else ())

    def customer(self, request: Request) -> Response:
        """Get one customer, by Polar's id or by the seller's."""
        row = self._found(request)
        return Json(customer_json(row, self._world.organization.id))

    def state(self, request: Request) -> Response:
        """Get one customer with its active subscriptions."""
        row = self._found(request)
        held = self._world.subscriptions.of(row.id)
        return Json(state_json(row, self._world.organization.id, held))

    def members(self, request: Request) -> Response:
        """List members, of one customer or of all."""
        query = parse_query(MembersQuery, request.query_params)
        with self._world.lock:
            self._world.settle()
            owned = self._customers_of_members(query)
            found: list[Member] = []
            if self._world.organization.member_model:
                found = [member for row in owned for member in self._world.members_of(row)]
        key = sort_key(query.sorting, {"created_at": lambda row: row.created_at})
        rows = sorted((row for row in found if query.role in (None, row.role)), key=key)
        page = cut_page(rows, key, offset=query.offset, limit=query.size)
        return listed([member_json(row) for row in page], len(rows), query)

    def organizations(self, request: Request) -> Response:
        """List the organizations of the token: one."""
        query = parse_query(OrganizationsQuery, request.query_params)
        organization = self._world.organization
        rows = [organization] if query.slug in (None, organization.slug) else []
        page = rows[query.offset : query.offset + query.size]
        return listed([organization_json(row) for row in page], len(rows), query)

    def _customers(self, query: CustomersQuery, metadata: dict[str, list[str]]) -> Rows[Customer]:
        rows, key = self._world.view.ordered(query.sorting)
        if not self._ours(query.organization_id):
            return [], key
        if query.email is not None:
            rows = self._of_email(query.email)
        if query.active is not None:
            is_active = self._world.subscriptions.is_active
            rows = [row for row in rows if is_active(row.id) == query.active]
        if query.query is not None:
            text = query.query.lower()
            rows = [row for row in rows if _mentions(row, text)]
        for name, values in metadata.items():
            rows = [row for row in rows if name in row.metadata and _text(row.metadata[name]) in values]
        return rows, key

    def _churned(self, moment: str, query: Page, rows: Sequence[Customer]) -> bool:
        return self._churn.world is self._world and self._churn.run(moment, query.page, rows, query.offset)

    def _of_email(self, email: str) -> list[Customer]:
        held = self._world.by_email(email)
        row = held and self._world.view.get(held.id)
        return [row] if row and row.email and row.email.lower() == email.lower() else []

    def _found(self, request: Request) -> Customer:
        with self._world.lock:
            self._world.settle()
            if "external_id" in request.path_params:
                known = self._world.by_external_id(request.path_params["external_id"])
                row = known and self._world.view.get(known.id)
            else:
                row = self._world.view.get(parse_path_id(request.path_params))
        if row is None:
            raise errors.RefusedError(errors.not_found())
        if not row.serialisable:
            raise errors.RefusedError(errors.server_error())
        return row

    def _customers_of_members(self, query: MembersQuery) -> Iterable[Customer]:
        customer_id = None if query.customer_id is None else _customer_id(query.customer_id)
        if query.external_customer_id is not None:
            owner = self._world.by_external_id(query.external_customer_id)
        elif customer_id is not None:
            owner = self._world.view.get(customer_id)
        else:
            return self._world.view
        return [] if owner is None else [owner]

    def _ours(self, organization_ids: Ids) -> bool:
        return is_any_of(self._world.organization.id, organization_ids)


def _customer_id(text: str) -> str:
    """Read the id in a question for members: a UUID of any version (Polar's server, `member/endpoints.py`)."""
    try:
        return str(UUID(text))
    except ValueError:
        raise errors.RefusedError(errors.not_found("Invalid customer ID format")) from None


def _mentions(row: Customer, text: str) -> bool:
    searched = (row.email, row.name, row.billing_name)
    return any(text in value.lower() for value in searched if value) or bool(
        row.external_id and row.external_id.lower().startswith(text)
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
