"""The customers of a plan, as Polar has them now: one by one, or out of all of them where that is fewer requests."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.passes.all_customers import AllCustomers
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.changed import ChangedReading, read_changed
from polar_attio_pipeline.passes.guards import CUSTOMERS_FACT, check_size
from polar_attio_pipeline.passes.lifecycle import Work
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.records import Customer

TYPE_KEY = "polar_customer_type"

READ_AT_ONCE = 100
"""Customers asked for between two reports of progress."""

FEW = 200
"""So many customers are always asked for one by one."""

_PER_REQUEST = 50
"""Customers that a request reads when all are read: a page of a hundred, and a page of their subscriptions."""


async def read_for(context: PassContext, work: Work, entries: Sequence[Approved]) -> ChangedReading:
    """Read the customers of a plan anew, with what they pay.

    Raises:
        GuardError: Polar has far fewer customers than before; checked where all of them are read.
        UnavailableError: of some hundred customers not one could be read: Polar is down.
        StoppedError: every request would fail the same way.
    """
    ids = [one.customer_id for one in entries]
    billing = BillingReader(
        context.polar,
        context.attio.targets,
        audience=context.rules.audience,
        note=work.summary.notes.append,
        report=work.reporter.send,
    )
    known = int(context.ledger.fact(CUSTOMERS_FACT) or 0)
    typed = {one.customer_id for one in entries if any(change.key == TYPE_KEY for change in one.changes)}
    if len(ids) > max(FEW, known // _PER_REQUEST):
        read = await _out_of_all(context, ids, typed, billing)
    else:
        read = await _one_by_one(context, ids, billing)
    # A plan of all customers may have read them from Polar's export, which lacks the type.
    read.customers = [one if one.id in typed else replace(one, type=None) for one in read.customers]
    return read


async def _one_by_one(context: PassContext, ids: Sequence[str], billing: BillingReader) -> ChangedReading:
    whole = _nothing(context)
    for start in range(0, len(ids), READ_AT_ONCE):
        some = ids[start : start + READ_AT_ONCE]
        read = await read_changed(context.polar, some)
        if len(read.unread) == len(some):
            raise next(iter(read.unread.values()))
        whole.customers += await billing.of(read.customers)
        whole.absent += read.absent
        whole.unreadable += read.unreadable
        whole.unread |= read.unread
    return whole


async def _out_of_all(
    context: PassContext, ids: Sequence[str], typed: Collection[str], billing: BillingReader
) -> ChangedReading:
    """Read all customers for the sake of many of them; those that are missing, or lack their type, are asked for."""
    wanted = frozenset(ids)
    # Pages say the type of each customer. Polar's export, which is read where pages fail, does not.
    everybody = AllCustomers(context.polar, is_first_import=True)
    read = [one async for portion in billing.all(_some_of(everybody.pages(), wanted)) for one in portion]
    found = [one for one in read if one.type is not None or one.id not in typed]
    if context.ledger.fact(CUSTOMERS_FACT):
        await check_size(context, everybody.ids())
    unreadable = [outcome for outcome in everybody.unreadable() if outcome.customer_id in wanted]
    seen = {one.id for one in found} | {outcome.customer_id for outcome in unreadable}
    missing = await _one_by_one(context, [one for one in ids if one not in seen], billing)
    missing.customers += found
    missing.unreadable += unreadable
    return missing


async def _some_of(
    pages: AsyncIterator[Sequence[Customer]], wanted: Collection[str]
) -> AsyncIterator[Sequence[Customer]]:
    async for page in pages:
        yield [one for one in page if one.id in wanted]


def _nothing(context: PassContext) -> ChangedReading:
    return ChangedReading(datetime.now(UTC) + timedelta(seconds=context.polar.api.server_offset or 0))
