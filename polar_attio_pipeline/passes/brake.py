"""The guard against too many changes: before its first write, a pass counts whom it would change, and may have to ask.

In the usual case it costs nothing: it looks ahead only where more people are to be looked at than the pass may change.
A pass that is stopped writes nothing at all, new customers included: where a value is wrong for many people it is wrong
for the new ones too, and a person who was created cannot be taken back. Passes over new customers alone go on
meanwhile.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from polar_attio_pipeline.passes.approvals import (
    MANY_CHANGES,
    Scope,
    StoppedPass,
    approval_for,
    approve,
    note_passed,
    note_stop,
    use_up,
)
from polar_attio_pipeline.passes.guards import ApprovableError
from polar_attio_pipeline.passes.lifecycle import Work
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.brake import Example, Limit, Tally, beyond, covered, in_words
from polar_attio_pipeline.sync.deadline import Deadline
from polar_attio_pipeline.sync.engine import preview
from polar_attio_pipeline.sync.outcomes import NOT_BY_DATA, Result
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.refusals import is_known
from polar_attio_pipeline.sync.services import Services

_log = logging.getLogger(__name__)

Read = Callable[[Sequence[str]], Awaitable[Iterable[Customer]]]
"""Reads customers by their ids."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The customers of a pass whose person may be on record.

    Attributes:
        count: How many they are, or more.
        holders: Returns how many people hold a Polar id in all; asked for where `count` is above the least number.
        customers: Returns them; awaited where the pass has to look ahead.
    """

    count: int
    holders: Callable[[], int]
    customers: Callable[[], Awaitable[Iterable[Customer]]]


class ManyChangesError(ApprovableError):
    """The pass would change too many people who are in Attio already.

    Attributes:
        stopped: What is on record of it.
        tally: What was counted.
    """

    def __init__(self, stopped: StoppedPass, tally: Tally) -> None:
        super().__init__(
            stopped.why,
            f"New customers of this pass wait too. Such as:\n{_listed(stopped.examples)}\n`polar-attio plan` shows "
            "every change with its values.",
            MANY_CHANGES,
        )
        self.stopped = stopped
        self.tally = tally


async def check_changes(context: PassContext, work: Work, scope: Scope, found: Candidates) -> bool:
    """Insist that the pass changes no more people than the rules allow, or than a person has approved.

    Args:
        context: Of the pass.
        work: The pass under way.
        scope: What it is about.
        found: Whom it may change.

    Returns:
        Whether an approval lets it through; `finish_approved` then uses that up at the end of the pass.

    Raises:
        ManyChangesError: it would change more people; nothing was written.
        UnavailableError: a service could not say it of too many customers.
        StoppedError: every request would fail the same way.
    """
    limit = _limit(context)
    if limit.is_off or found.count <= limit.min_people or found.count <= limit.people(found.holders()):
        note_passed(context.ledger, MANY_CHANGES.name, scope)
        return False
    holders = found.holders()
    most = limit.people(holders)
    tally = await _look_ahead(context, work, found)
    if tally.people <= most < tally.people + tally.unknown:
        raise UnavailableError(
            f"The pass may change {most:,} people and would change {tally.people:,}, but of {tally.unknown:,} more a "
            "service could not say it. Nothing was written; the pass is tried again."
        )
    if tally.people <= most:
        note_passed(context.ledger, MANY_CHANGES.name, scope)
        return False
    if MANY_CHANGES.name in context.approve:
        approve(context.ledger, MANY_CHANGES.name, kind=scope.kind)
    approval = approval_for(context.ledger, scope)
    misfit = _misfit(approval, tally, limit)
    if approval and not misfit:
        note_passed(context.ledger, MANY_CHANGES.name, scope, by_approval=True)
        _log.info("The pass changes %s people, as approved: %s.", f"{tally.people:,}", in_words(tally.counts))
        return True
    stopped = StoppedPass(
        name=MANY_CHANGES.name,
        scope=scope,
        pass_id=context.pass_id,
        at=datetime.now(UTC),
        why=" ".join(filter(None, [_why(tally, limit, holders), misfit])),
        people=tally.people,
        counts=dict(tally.counts),
        examples=tally.shown(),
    )
    note_stop(context.ledger, stopped)
    raise ManyChangesError(stopped, tally)


def finish_approved(context: PassContext, scope: Scope, *, was_approved: bool) -> None:
    """Use the approval up that has let a pass through, now that the pass has done everything."""
    if was_approved:
        use_up(context.ledger, scope)


def would_stop(context: PassContext, plans: Iterable[Plan], *, holders: int) -> str | None:
    """Say why a pass with these plans would be stopped; None if it would not."""
    limit = _limit(context)
    tally = Tally(context.attio.targets)
    _count(tally, context.services(), plans)
    if limit.is_off or tally.people <= limit.people(holders):
        return None
    return (
        f"{_why(tally, limit, holders)} It would stop before its first write, until `polar-attio approve "
        f"{MANY_CHANGES.name}` allows that."
    )


def candidates_of(
    context: PassContext, customers: Sequence[Customer], *, more: Sequence[str] = (), read: Read | None = None
) -> Candidates:
    """Return the customers of a pass whose person may hold a Polar id: by address, or on record in the ledger.

    Those that are found by their address count whatever the ledger says: it may have been lost, or the person may hold
    the id of a customer who was deleted. A team without an address that is not on record has no person yet, and Polar
    would have to be asked for its owner.

    Args:
        context: Of the pass.
        customers: As read.
        more: Ids of further customers of the pass that are not read yet; those that are on record count.
        read: Reads these.
    """
    known: Collection[str] = more
    found = customers
    if len(customers) + len(more) > context.rules.change_min_people and not _limit(context).is_off:
        known = context.ledger.record_ids([*(one.id for one in customers if not one.address), *more]).keys()
        found = [one for one in customers if one.address or one.id in known]
    again = [one for one in more if one in known]

    async def candidates() -> Iterable[Customer]:
        return [*found, *(await read(again) if read and again else [])]

    return Candidates(len(found) + len(again), lambda: known_people(context), candidates)


def known_people(context: PassContext) -> int:
    """Return of how many people the ledger knows that they hold a Polar id."""
    counts = context.ledger.counts()
    return sum(counts[result] for result in (Result.CREATED, Result.UPDATED, Result.UNCHANGED))


async def _look_ahead(context: PassContext, work: Work, found: Candidates) -> Tally:
    """Count what would be changed; one portion of plans is kept at a time."""
    services, tally = context.services(), Tally(context.attio.targets)
    work.reporter.enter(Stage.LOOKING_AHEAD, total=found.count)
    deadline, asked = Deadline(found.count, "customers", context.pace), 0
    async for look in preview(await found.customers(), services):
        _count(tally, services, look.plans)
        tally.unknown += len(look.unsettled) + sum(outcome.reason in NOT_BY_DATA for outcome in look.outcomes)
        asked += look.asked
        work.reporter.advance(len(look.plans) + len(look.unsettled) + len(look.outcomes))
        deadline.check(questions=asked)
    return tally


def _count(tally: Tally, services: Services, plans: Iterable[Plan]) -> None:
    """Take in the plans of which Attio has not refused just the same before: these would not be sent."""
    due = [one for one in plans if one.writes]
    refused = services.memory.refusals([one.customer.id for one in due])
    for one in due:
        before, _ = refused.get(one.customer.id, ("", ""))
        if not is_known(one, before, refused_in=services.refused_in):
            tally.add(one)


def _limit(context: PassContext) -> Limit:
    return Limit(context.rules.change_max_share, context.rules.change_min_people)


def _why(tally: Tally, limit: Limit, holders: int) -> str:
    holding = "people in Attio who hold a Polar id"
    # A ledger that was lost knows of fewer people than Attio has.
    who = f"of the {holders:,} {holding}" if holders >= tally.people else f"{holding} ({holders:,} are on record)"
    return (
        f"The pass would change {tally.people:,} {who}: {in_words(tally.counts)}. Allowed are "
        f"{limit.people(holders):,} (POLAR_ATTIO_CHANGE_MAX_SHARE is {limit.max_share:g}, "
        f"POLAR_ATTIO_CHANGE_MIN_PEOPLE is {limit.min_people})."
    )


def _misfit(approval: StoppedPass | None, tally: Tally, limit: Limit) -> str:
    """Say why an approval does not cover what was counted; nothing where it does, or where there is none."""
    if approval is None:
        return ""
    more = beyond(tally.counts, approval.counts or {}, least=limit.min_people)
    if not more and tally.people <= covered(approval.people, least=limit.min_people):
        return ""
    named = f"{approval.people:,} people ({in_words(approval.counts or {})})"
    what = f"not of {in_words(more)}" if more else "and a fifth more, not of so many"
    return f"The approval of {approval.at:%Y-%m-%d %H:%M} UTC does not cover that: it was of {named}, {what}."


def _listed(examples: Iterable[Example]) -> str:
    return "\n".join(f"- {one.polar_url} {one.attio_url}: {one.in_words()}" for one in examples)
