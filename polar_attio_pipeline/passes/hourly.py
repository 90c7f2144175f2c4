"""The hourly pass: the customers created in some hours, each hour by itself."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from polar_attio_pipeline.hours import key
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.passes.approvals import Scope
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.brake import candidates_of, check_changes, finish_approved
from polar_attio_pipeline.passes.completing import completed
from polar_attio_pipeline.passes.guards import check_owner
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.progress import HoursRead, Stage
from polar_attio_pipeline.passes.reading import HourRead, Reading, from_snapshot, read_hours, with_expected
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.snapshots import is_current
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.health import KindClosedError
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.ports import NoAnswerError, UnavailableError
from polar_attio_pipeline.sync.records import Customer

HOURLY = "hourly"
"""The kind of pass, on record."""

RETRIED = 100
"""How many rejected and ambiguous customers of other hours one pass tries again; a reconciliation tries them all."""


@dataclass(frozen=True, slots=True)
class Hours:
    """What an hourly pass is to do.

    Attributes:
        starts: The hours, oldest first.
        snapshot: What this very run has read of them a moment ago, if it has.
        expected: Ids of customers that were seen in these hours: an hour without them is not done.
        retry_unresolved: Whether to try rejected and ambiguous customers of other hours again, freshly read.
    """

    starts: Sequence[datetime]
    snapshot: Snapshot | None = None
    expected: Collection[str] = ()
    retry_unresolved: bool = False


@dataclass(frozen=True, slots=True)
class HourDone:
    """What became of one hour's customers, and at what cost.

    Attributes:
        start: The hour.
        outcomes: One for each customer of the hour.
        requests: Sent for this hour, the reading not included.
        seconds: Spent on this hour.
        polar_read_at: When Polar was read, by Polar's clock.
        absent: Ids of customers that were seen in these hours earlier, and that Polar no longer has.
    """

    start: datetime
    outcomes: Sequence[Outcome]
    requests: int
    seconds: float
    polar_read_at: datetime
    absent: frozenset[str]


class HoursNotDoneError(UnavailableError):
    """Some hours of the pass are not done; the others are, and each says so by itself."""


async def sync_hours(context: PassContext, hours: Hours, done: Callable[[HourDone], None]) -> Sequence[Outcome]:
    """Bring the customers of some hours to Attio; one hour that fails harms no other.

    Args:
        context: Of the pass.
        hours: What to do.
        done: Takes each hour as soon as it is done.

    Returns:
        The outcomes of the customers of other hours that were tried again.

    Raises:
        GuardError: a token belongs to another organization or workspace, or too many existing people would be changed;
            nothing was written.
        HoursNotDoneError: some hours could not be done.
        UnavailableError: a service answers nothing, or another writer did not end.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    what = f"the hourly pass over {key(hours.starts[0])} to {key(hours.starts[-1])} UTC"
    async with writing_pass(context, kind=HOURLY, what=what) as work:
        reading = await _reading(context, hours, token=work.fencing_token)
        retry = context.ledger.to_retry(limit=RETRIED) if hours.retry_unresolved else []
        if reading.customers or reading.absent or retry:
            await check_owner(context, reading.organization_id)
        context.ledger.forget(reading.absent)
        billing = BillingReader(
            context.polar, context.attio.targets, audience=context.rules.audience, note=work.summary.notes.append
        )
        reading = replace(reading, customers=await billing.of(reading.customers))
        in_hand = {customer.id for customer in reading.customers}
        retry = [one for one in retry if one not in in_hand]
        _begin(work, hours, reading, retry)

        async def read_retried(ids: Sequence[str]) -> list[Customer]:
            found, _ = await _read_again(context, ids)
            return await billing.of(found)

        scope = Scope(HOURLY, frozenset(map(key, hours.starts)))
        known = candidates_of(context, reading.customers, more=retry, read=read_retried)
        was_approved = await check_changes(context, work, scope, known)
        work.reporter.enter(Stage.WRITING, total=work.summary.customers)
        failed = await _each_hour(context, work, hours.starts, reading, done)
        retried = await _retry(context, work, billing, retry)
        if failed:
            summary = f"{len(failed)} of {len(hours.starts)} hours are not done."
            raise HoursNotDoneError(" ".join([summary, *failed[:3]]))
        finish_approved(context, scope, was_approved=was_approved)
        return retried


def _begin(work: Work, hours: Hours, reading: Reading, retry: Sequence[str]) -> None:
    """Tell what there is to do."""
    work.summary.customers = len(reading.customers) + len(reading.unreadable) + len(retry)
    work.reporter.send(HoursRead(len(hours.starts), len(reading.customers), len(reading.absent), len(retry)))


async def _reading(context: PassContext, hours: Hours, *, token: int) -> Reading:
    """Return what this run read a moment ago, or what Polar says now."""
    snapshot = hours.snapshot
    if snapshot is not None and is_current(snapshot, context, token=token):
        reading = from_snapshot(snapshot)
    else:
        reading = await read_hours(context.polar, hours.starts)
    # By the connection of this pass, which then keeps to every pause that Polar asks for.
    reading = replace(reading, customers=list(await completed(reading.customers, context.polar)))
    return await with_expected(reading, context.polar, context.ledger, hours.starts, hours.expected)


async def _each_hour(
    context: PassContext, work: Work, starts: Sequence[datetime], reading: Reading, done: Callable[[HourDone], None]
) -> list[str]:
    """Do one hour after the other; return why some of them are not done."""
    by_hour = reading.by_hour()
    failed: list[str] = []
    for start in starts:
        began, before = time.monotonic(), context.requests()
        hour = by_hour.get(start, HourRead())
        try:
            outcomes = await _sync(context, work, hour.customers, hour.unreadable)
        except KindClosedError as error:
            failed.append(f"{key(start)}: {error}")
            continue
        lacked = reading.untrue & {customer.id for customer in hour.customers}
        if lacked:
            failed.append(
                f"{key(start)}: Polar's list lacked {len(lacked)} customers that exist, such as {min(lacked)}; they "
                "are in Attio now, but others may be missing, so the hour is read again."
            )
            continue
        seconds, requests = time.monotonic() - began, context.requests() - before
        done(HourDone(start, outcomes, requests, seconds, reading.polar_read_at, reading.absent))
    return failed


async def _retry(
    context: PassContext, work: Work, billing: BillingReader, customer_ids: Sequence[str]
) -> list[Outcome]:
    """Try unresolved customers of other hours again, as Polar has them now; forget those that it no longer has."""
    found, absent = await _read_again(context, customer_ids)
    context.ledger.forget(absent)
    if work.summary.customers:
        # Without an outcome in this pass: some no longer exist, others Polar could not show.
        work.summary.customers -= len(customer_ids) - len(found)
    return await _sync(context, work, await billing.of(found))


async def _read_again(context: PassContext, customer_ids: Sequence[str]) -> tuple[list[Customer], list[str]]:
    """Return customers as Polar has them now, and the ids of those that it no longer has."""
    answers = await asyncio.gather(*map(context.polar.customer, customer_ids), return_exceptions=True)
    found: list[Customer] = []
    absent: list[str] = []
    for customer_id, answer in zip(customer_ids, answers, strict=True):
        match answer:
            case Customer():
                found.append(answer)
            case None:
                absent.append(customer_id)
            case NoAnswerError() | UnavailableError():
                # Its outcome stands, and the hours of this pass are done: a later one asks again.
                pass
            case _:
                raise answer
    return found, absent


async def _sync(
    context: PassContext, work: Work, customers: Sequence[Customer], unreadable: Sequence[Outcome] = ()
) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def keep(known: Sequence[Outcome]) -> None:
        outcomes.extend(known)
        work.record(known)

    keep(unreadable)
    await sync(customers, context.services(work.recorder), keep)
    return outcomes
