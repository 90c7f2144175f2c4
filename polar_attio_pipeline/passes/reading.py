"""Hours of Polar read for a pass, with the outcome of every row that does not parse."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.ledger import Ledger, Snapshot
from polar_attio_pipeline.passes.bad_rows import outcomes_of
from polar_attio_pipeline.passes.progress import Report, SnapshotRead
from polar_attio_pipeline.passes.reporter import reporting
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import read_window
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.ports import NoAnswerError, UnavailableError
from polar_attio_pipeline.sync.records import Customer

MOST_CHECKED = 100
"""Customers of the hours of one pass who are asked for one by one because the list lacks them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass read of Polar.

    Attributes:
        customers: The customers, newest first.
        unreadable: The outcomes of rows that do not parse, each with a time inside what was read.
        requests: Requests made.
        read_at: When the reading began, by this machine's clock.
        polar_read_at: The same by Polar's clock, to be compared with created_at: ours may be minutes off.
        absent: Ids of customers that were expected, and that Polar does not have.
        untrue: Ids of customers that Polar has and its list lacked, so that others may be missing too.
    """

    customers: Sequence[Customer]
    unreadable: Sequence[Outcome]
    requests: int
    read_at: datetime
    polar_read_at: datetime
    absent: frozenset[str] = frozenset()
    untrue: frozenset[str] = frozenset()

    @property
    def organization_id(self) -> str | None:
        """The organization of the customers; None where none of them says."""
        return next((one.organization_id for one in self.customers if one.organization_id), None)

    def by_hour(self) -> Mapping[datetime, "HourRead"]:
        """Return the customers and the bad rows by the hour of their creation."""
        hours: dict[datetime, HourRead] = defaultdict(HourRead)
        for customer in self.customers:
            hours[floor(customer.created_at)].customers.append(customer)
        for row in self.unreadable:
            if row.created_at:
                hours[floor(row.created_at)].unreadable.append(row)
        return hours


@dataclass(slots=True)
class HourRead:
    """What was read for one hour."""

    customers: list[Customer] = field(default_factory=list)
    unreadable: list[Outcome] = field(default_factory=list)


async def read_hours(client: PolarClient, hours: Sequence[datetime]) -> Reading:
    """Read the customers created in some hours, in one go from the first to the last.

    Args:
        client: Polar.
        hours: Their starts, oldest first; those between them are read as well.

    Raises:
        ApiError: Polar could not be read.
    """
    read_at = datetime.now(UTC)
    read = await read_window(client, hours[0], hours[-1] + HOUR)
    return Reading(
        customers=read.customers,
        unreadable=outcomes_of(read.bad_rows, otherwise=hours[-1]),
        requests=read.requests,
        read_at=read_at,
        polar_read_at=read_at + timedelta(seconds=client.api.server_offset or 0),
    )


async def read_snapshot(
    client: PolarClient, ledger: Ledger, hours: Sequence[datetime], report: Report | None = None
) -> tuple[Snapshot, int]:
    """Read some hours for a pass that is about to begin; return what was read, and the requests that it took.

    Args:
        client: Polar.
        ledger: Says whether another pass is writing.
        hours: Their starts, oldest first.
        report: Takes what is waited for, and what was read.

    Raises:
        ApiError: Polar could not be read.
        LedgerError: the ledger cannot be used.
    """
    holder, skipped = ledger.lease_holder(), ledger.skipped()
    async with reporting(report, [client.api]) as reporter:
        reading = await read_hours(client, hours)
        reporter.send(SnapshotRead(len(hours), len(reading.customers), len(reading.unreadable), reading.requests))
    snapshot = Snapshot(
        customers=tuple(_without_values(one) if one.id in skipped else one for one in reading.customers),
        unreadable=tuple(reading.unreadable),
        read_at=reading.read_at,
        polar_read_at=reading.polar_read_at,
        free_lease_token=holder.fencing_token if holder.owner is None else None,
    )
    return snapshot, reading.requests


def _without_values(customer: Customer) -> Customer:
    """Return a customer that is left out as a snapshot keeps it: no pass needs more of it than its id and its hour."""
    return replace(customer, email=None, name=None, external_id=None, country=None, mapped=())


def from_snapshot(snapshot: Snapshot) -> Reading:
    """Return a stored reading."""
    return Reading(
        customers=snapshot.customers,
        unreadable=snapshot.unreadable,
        requests=0,
        read_at=snapshot.read_at,
        polar_read_at=snapshot.polar_read_at,
    )


async def with_expected(
    reading: Reading, client: PolarClient, ledger: Ledger, hours: Sequence[datetime], expected: Collection[str]
) -> Reading:
    """Return a reading of hours together with customers that it lacks although they were seen before.

    An answer of Polar's may be empty or cut short without saying so. So each customer that the ledger has for these
    hours, or that was seen in Polar's newest page, is asked for by its id if the reading lacks it.

    Args:
        reading: Of these hours.
        client: Polar.
        ledger: What earlier passes have put on record.
        hours: Their starts, oldest first.
        expected: Ids that were seen elsewhere.
    """
    known = [*expected, *(one for hour in hours for one in ledger.recorded_between(hour, hour + HOUR))]
    read = {customer.id for customer in reading.customers} | {row.customer_id for row in reading.unreadable}
    missing = [one for one in dict.fromkeys(known) if one not in read][:MOST_CHECKED]
    found: list[Customer] = []
    absent: set[str] = set()
    for customer_id in missing:
        try:
            customer = await client.customer(customer_id)
        except (NoAnswerError, UnavailableError):
            # Its earlier outcome stands: a row that Polar cannot show now exists all the same.
            continue
        if customer is None:
            absent.add(customer_id)
        elif floor(customer.created_at) in hours:
            found.append(customer)
    return replace(
        reading,
        customers=[*reading.customers, *found],
        absent=frozenset(absent),
        untrue=frozenset(one.id for one in found),
    )
