"""Values for the tests of the sensor of changes: what happens at half past ten on the first day."""

from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.polar.events import Event

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NOW = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
OVERLAP = 10 * MINUTE


def event(customer: str, *, at: datetime = NOW, name: str = "customer.updated", number: int = 1) -> Event:
    return Event(f"{customer} {name} {number}", at, name, customer)
