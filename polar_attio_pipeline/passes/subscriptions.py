"""All subscriptions read ahead of a reconciliation, for the snapshot that people look at and the pass writes from."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.ledger import Ledger, SubscriptionSnapshot
from polar_attio_pipeline.passes.billing_source import Scan
from polar_attio_pipeline.passes.progress import BillingRead, Report
from polar_attio_pipeline.passes.reporter import reporting
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.snapshots import is_current
from polar_attio_pipeline.polar.billing import OF_SUBSCRIPTIONS
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import MissingScopeError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SubscriptionsRead:
    """What became of a reading.

    Attributes:
        snapshot: What was read; None where it could not be.
        problem: Why not, and what to do, in sentences.
        requests: Made for it.
    """

    snapshot: SubscriptionSnapshot | None
    problem: str | None
    requests: int


async def read_subscriptions(client: PolarClient, ledger: Ledger, report: Report | None = None) -> SubscriptionsRead:
    """Read all subscriptions in one scan; a reading that fails is an answer too, since a pass goes on without it.

    Args:
        client: Polar.
        ledger: Says whether another pass is writing.
        report: Takes what is waited for, and what was read.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    holder = ledger.lease_holder()
    read_at = datetime.now(UTC)
    before = client.api.stats.requests.total()
    async with reporting(report, [client.api]) as reporter:
        try:
            found = await client.billing.scan(OF_SUBSCRIPTIONS)
        except MissingScopeError as error:
            return SubscriptionsRead(None, str(error), client.api.stats.requests.total() - before)
        except ApiError as error:
            _log.warning("Polar's subscriptions could not be read ahead of the reconciliation: %s", error)
            return SubscriptionsRead(None, str(error), client.api.stats.requests.total() - before)
        reporter.send(BillingRead(found.what, found.count, len(found.by_customer)))
    snapshot = SubscriptionSnapshot(
        subscriptions=tuple(one for held in found.by_customer.values() for one in held),
        problems=found.problems,
        read_at=read_at,
        polar_read_at=read_at + timedelta(seconds=client.api.server_offset or 0),
        free_lease_token=holder.fencing_token if holder.owner is None else None,
    )
    return SubscriptionsRead(snapshot, None, client.api.stats.requests.total() - before)


def scan_of(snapshot: SubscriptionSnapshot | None, context: PassContext, *, token: int) -> Scan | None:
    """Return a snapshot as a pass uses it; None where the pass has to read Polar itself.

    Args:
        snapshot: What the same run has read.
        context: Of the pass.
        token: The fencing token of the pass, which has the lease.
    """
    if snapshot is None or not is_current(snapshot, context, token=token):
        return None
    _log.info("Subscriptions are taken from the snapshot of this run, read at %s UTC.", f"{snapshot.read_at:%H:%M:%S}")
    holdings = OF_SUBSCRIPTIONS.holdings()
    holdings.count = len(snapshot.subscriptions)
    holdings.problems.update(snapshot.problems)
    for one in snapshot.subscriptions:
        known = holdings.by_customer.get(one.customer_id, ())
        holdings.by_customer[one.customer_id] = (*known, one)
    return Scan(holdings, snapshot.polar_read_at)
