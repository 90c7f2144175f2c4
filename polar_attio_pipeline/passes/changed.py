"""The pass over customers that have changed: each is read anew by its id, and brought to Attio as it is now."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.passes.approvals import Scope
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.brake import candidates_of, check_changes, finish_approved
from polar_attio_pipeline.passes.guards import check_owner
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.progress import ChangedRead, Stage
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.models import unserialisable
from polar_attio_pipeline.sync.comparison import Marked, marked
from polar_attio_pipeline.sync.deletions import Deletions, note_deletions
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.outcomes import WHOLE_ROW, Outcome, unreadable
from polar_attio_pipeline.sync.ports import NoAnswerError, UnavailableError
from polar_attio_pipeline.sync.records import Customer

FOUND_AT_ONCE = 100
"""Polar ids in one search for people."""


@dataclass(slots=True)
class ChangedReading:
    """What Polar says of the customers now.

    Attributes:
        polar_read_at: When the reading began, by Polar's clock.
        customers: As they are.
        absent: Ids that Polar has no live customer of.
        unreadable: The outcomes of customers that Polar has and cannot show.
        unread: Why Polar could not be asked, by id: these are not done.
    """

    polar_read_at: datetime
    customers: list[Customer] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unreadable: list[Outcome] = field(default_factory=list)
    unread: dict[str, UnavailableError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the customers.

    Attributes:
        outcomes: One for each customer that Polar has.
        deleted: Ids of customers that Polar no longer has.
        people: People in Attio of these.
        deletions: What was written to them.
        unread: Ids that Polar could not be asked for: these are not done.
        polar_read_at: When Polar was read, by Polar's clock.
        requests: Made by the pass, to both services.
    """

    outcomes: Sequence[Outcome]
    deleted: Sequence[str]
    people: Sequence[Marked]
    deletions: Deletions
    unread: Sequence[str]
    polar_read_at: datetime
    requests: int


async def sync_changed(context: PassContext, customer_ids: Collection[str]) -> Changed:
    """Bring these customers to Attio as Polar has them now; write to the people of deleted ones that they are deleted.

    Raises:
        GuardError: a token belongs to another organization or workspace, or too many existing people would be changed;
            nothing was written.
        UnavailableError: a service answers nothing, not one of the customers could be read, or another writer did not
            end.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    ids = list(dict.fromkeys(customer_ids))
    what = "a pass over 1 changed customer" if len(ids) == 1 else f"a pass over {len(ids)} changed customers"
    async with writing_pass(context, kind="changed", what=what) as work:
        read = await read_changed(context.polar, ids)
        if ids and len(read.unread) == len(ids):
            raise next(iter(read.unread.values()))
        organization = next((one.organization_id for one in read.customers if one.organization_id), None)
        if len(read.unread) < len(ids):
            await check_owner(context, organization)
        billing = BillingReader(
            context.polar, context.attio.targets, audience=context.rules.audience, note=work.summary.notes.append
        )
        read.customers = await billing.of(read.customers)
        work.summary.customers = len(read.customers) + len(read.unreadable)
        work.reporter.send(ChangedRead(len(read.customers), len(read.absent), len(read.unreadable) + len(read.unread)))
        scope = Scope("changed", frozenset(ids))
        was_approved = await check_changes(context, work, scope, candidates_of(context, read.customers))
        work.reporter.enter(Stage.WRITING, total=work.summary.customers)
        outcomes = await _bring(context, work, read)
        people, deletions = await _note(context, work, read.absent)
        context.ledger.forget(read.absent)
        finish_approved(context, scope, was_approved=was_approved)
        return Changed(
            outcomes=outcomes,
            deleted=read.absent,
            people=people,
            deletions=deletions,
            unread=list(read.unread),
            polar_read_at=read.polar_read_at,
            requests=context.requests(),
        )


async def read_changed(polar: PolarClient, customer_ids: Sequence[str]) -> ChangedReading:
    """Ask Polar for each customer; the connection lets a few of the questions be under way at once.

    Raises:
        StoppedError: every request would fail the same way.
    """
    began = datetime.now(UTC)
    answers = await asyncio.gather(*map(polar.customer, customer_ids), return_exceptions=True)
    read = ChangedReading(began + timedelta(seconds=polar.api.server_offset or 0))
    is_well = await polar.is_answering() if any(map(_is_at_500, answers)) else False
    for customer_id, answer in zip(customer_ids, answers, strict=True):
        match answer:
            case Customer():
                read.customers.append(answer)
            case None:
                read.absent.append(customer_id)
            case NoAnswerError():
                read.unreadable.append(unreadable(customer_id, field=WHOLE_ROW, message=str(answer)))
            case LostAnswerError() if is_well and is_server_error(answer):
                row = unserialisable(customer_id, None)
                read.unreadable.append(unreadable(customer_id, field=row.field, message=row.message))
            case UnavailableError():
                read.unread[customer_id] = answer
            case _:
                raise answer
    return read


def _is_at_500(answer: object) -> bool:
    return isinstance(answer, LostAnswerError) and is_server_error(answer)


async def _bring(context: PassContext, work: Work, read: ChangedReading) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def keep(known: Sequence[Outcome]) -> None:
        outcomes.extend(known)
        work.record(known)

    keep(read.unreadable)
    await sync(read.customers, context.services(work.recorder), keep)
    return outcomes


async def _note(context: PassContext, work: Work, absent: Sequence[str]) -> tuple[list[Marked], Deletions]:
    """Write to the people who hold the ids of deleted customers, after other customers may have taken them over."""
    people: list[Marked] = []
    for start in range(0, len(absent), FOUND_AT_ONCE):
        some = absent[start : start + FOUND_AT_ONCE]
        found = await context.attio.find(ids=some, emails=[])
        people += [marked(person) for person in found.people if person_id(person) in some]
    if not people:
        return [], Deletions()
    work.reporter.enter(Stage.DELETIONS, total=len(people))
    services, unmark = context.services(work.recorder), context.rules.unmark_orphaned
    return people, await note_deletions(people, services, unmark=unmark, seen=work.reporter.advance)
