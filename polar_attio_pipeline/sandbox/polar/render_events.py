"""Events as Polar's JSON."""

from typing import Any

from polar_attio_pipeline.sandbox.polar.events import Event
from polar_attio_pipeline.sandbox.polar.render import customer_json, timestamp
from polar_attio_pipeline.sandbox.polar.rows import Customer


def event_json(row: Event, customer: Customer | None, organization_id: str) -> dict[str, Any]:
    """Return an event as `GET /v1/events/` lists it.

    Args:
        row: The event.
        customer: Whom it is about; None: deleted since.
        organization_id: Whose it is.
    """
    return {
        "id": row.id,
        "timestamp": timestamp(row.timestamp),
        "organization_id": organization_id,
        "customer_id": row.customer_id,
        "customer": customer and customer_json(customer, organization_id),
        "external_customer_id": customer and customer.external_id,
        "member_id": None,
        "external_member_id": None,
        "child_count": 0,
        "parent_id": None,
        "label": row.name.replace(".", " ").replace("_", " ").title(),
        "source": row.source,
        "name": row.name,
        "metadata": row.metadata(),
    }
