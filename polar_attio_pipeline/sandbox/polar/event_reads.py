"""`GET /v1/events/`."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.billing_params import EventsQuery
from polar_attio_pipeline.sandbox.polar.listing import is_any_of, listed, matching, values, within
from polar_attio_pipeline.sandbox.polar.ordering import cut_page
from polar_attio_pipeline.sandbox.polar.params import metadata_filter, parse_query
from polar_attio_pipeline.sandbox.polar.render_events import event_json
from polar_attio_pipeline.sandbox.polar.world import PolarWorld


def events(world: PolarWorld, request: Request) -> Response:
    """List events: ids and count from one store, rows from another, so that a page may lack some."""
    query = parse_query(EventsQuery, request.query_params)
    if world.events.rules.is_down:
        return errors.server_error()
    with world.lock:
        world.settle()
        rows, key = world.events.ordered(query.sorting)
        if not is_any_of(world.organization.id, query.organization_id) or metadata_filter(request.query_params):
            rows = []
        rows = matching(
            rows,
            (query.name, lambda row: row.name),
            (query.source, lambda row: row.source),
            (query.customer_id, lambda row: row.customer_id),
            (_customers(world, query), lambda row: row.customer_id),
        )
        rows = within(
            rows,
            lambda row: _milliseconds(row.timestamp),
            query.start_timestamp and _milliseconds(query.start_timestamp),
            query.end_timestamp and _milliseconds(query.end_timestamp),
        )
        page = [row for row in cut_page(rows, key, offset=query.offset, limit=query.size) if row.has_row]
        shown = [event_json(row, world.view.get(row.customer_id), world.organization.id) for row in page]
    return listed(shown, len(rows), query)


def _customers(world: PolarWorld, query: EventsQuery) -> list[str] | None:
    """Return the ids of the customers whose events the seller's own ids ask for; None: not asked."""
    external = values(query.external_customer_id)
    if external is None:
        return None
    return [row.id for text in external if (row := world.by_external_id(text)) is not None]


def _milliseconds(moment: datetime) -> datetime:
    """Cut a time to the milliseconds in which the store compares."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
