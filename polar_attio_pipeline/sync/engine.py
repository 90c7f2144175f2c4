"""One pass over some customers: look them up, plan, write, and again for those whom the CRM had outrun.

Every customer gets exactly one outcome, unless a service is down or the pass has to end; what is known until then is
recorded, and running again is safe.

How long a pass can take: each customer is looked up at most `ROUNDS` times, in portions that the configured pace can
write in a third of `writing.FRESH_SECONDS`. Between two portions the pass ends by itself when its deadline has passed.
A portion is bounded by the retries of its requests: at most three looks at the CRM, its questions, and `FRESH_SECONDS`
for its writes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.deadline import Deadline, TimeIsUpError
from polar_attio_pipeline.sync.health import Health
from polar_attio_pipeline.sync.looking import Look, Looker
from polar_attio_pipeline.sync.outcomes import Outcome, changed_meanwhile, not_taken, unanswered
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.queueing import CustomerQueue, queued
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.services import Pace, Services
from polar_attio_pipeline.sync.writing import FRESH_SECONDS, Record, Writer

LARGEST_PORTION = 200
"""Customers looked up together at most: what one search can hold."""

ROUNDS = 3
"""How often a customer is looked up and planned in one pass: the address may be taken or a record merged under it."""

STOP_SECONDS = 5
"""So long a pass that was asked to end waits for its writes under way: at 20 a second all of them take three."""

Veto = Callable[[Plan], Outcome | None]
"""Returns the outcome of a customer whose plan must not be carried out; None for a plan that may be."""

_LATE = f"Attio did not carry the write out within {FRESH_SECONDS} s, {ROUNDS} times."
_UNSETTLED = f"The person who has the customer's address in Attio was another one at each of {ROUNDS} looks."


async def preview(customers: Iterable[Customer], services: Services) -> AsyncIterator[Look]:
    """Yield what `sync` would do for these customers, portion by portion, and write nothing.

    Raises:
        ServiceDownError: a service answers nothing at all.
        StoppedError: every request would fail the same way.
    """
    looker = _looker(services)
    for portion in (await queued(customers)).portions(LARGEST_PORTION):
        yield await looker.look(portion)


def _no_veto(plan: Plan) -> Outcome | None:  # noqa: ARG001  # as a veto
    """Let every plan be carried out."""
    return None


async def sync(customers: Iterable[Customer], services: Services, record: Record, *, veto: Veto = _no_veto) -> None:
    """Bring each customer to the CRM; every one of them gets exactly one outcome.

    Args:
        customers: As Polar has them now.
        services: Both sides.
        record: Takes the outcomes.
        veto: Asked about each plan, after each look.

    Raises:
        ServiceDownError: a service answers nothing at all.
        KindClosedError: one kind of request failed for very many customers, or a search for a portion of them;
            everything else was done.
        TimeIsUpError: it took far longer than the number of customers implies.
        StoppedError: every request would fail the same way, such as after a revoked token.
    """
    attio, polar = Health(services.people.is_answering), Health(services.source.is_answering)
    looker, writer = Looker(services, attio=attio, polar=polar), Writer(services, attio, record)
    work = _Pass(services, looker, writer, record, veto)
    try:
        await work.run(await queued(customers))
    except asyncio.CancelledError:
        if services.is_stopping():
            await work.writer.drain(STOP_SECONDS)
        raise
    finally:
        await work.writer.cancel()
    attio.check()
    polar.check()


@dataclass
class _Pass:
    """A pass under way.

    Attributes:
        rounds: How often each customer of this round was looked up so far.
        unsettled: Customers of this round about whom a new question arose at each look.
        asked: Questions that Polar was asked.
    """

    services: Services
    looker: Looker
    writer: Writer
    record: Record
    veto: Veto
    rounds: int = 0
    unsettled: list[Customer] = field(default_factory=list)
    asked: int = 0

    async def run(self, customers: CustomerQueue) -> None:
        deadline = Deadline(len(customers), "customers", self.services.pace)
        portion = portion_size(self.services.pace)
        pending = customers
        while pending:
            self.rounds += 1
            for some in pending.portions(portion):
                await self._insist_on_time(deadline)
                await self._take(some)
            await self.writer.finish()
            pending = await queued(await self._again())
            # Fewer at once grow old more slowly, should the service be slower than the configured pace.
            portion = max(1, portion // 2)

    async def _insist_on_time(self, deadline: Deadline) -> None:
        try:
            deadline.check(questions=self.asked)
        except TimeIsUpError:
            await self.writer.finish()
            raise

    async def _take(self, customers: Sequence[Customer]) -> None:
        look = await self.looker.look(customers)
        self.asked += look.asked
        self.unsettled += look.unsettled
        self.record(look.outcomes)
        await self.writer.carry_out(self._without_vetoed(look.plans), looked_at=look.looked_at)

    def _without_vetoed(self, plans: Sequence[Plan]) -> list[Plan]:
        """Return the plans that may be carried out, and record the outcomes of the others."""
        judged = [(plan, self.veto(plan)) for plan in plans]
        vetoed = [(plan, outcome) for plan, outcome in judged if outcome]
        self.writer.confirm([plan for plan, _ in vetoed])
        self.record([outcome for _, outcome in vetoed])
        return [plan for plan, outcome in judged if outcome is None]

    async def _again(self) -> list[Customer]:
        """Return the customers to look up once more; after the last round, record their outcomes instead."""
        stale, late, answered = self.writer.take_undone()
        if late and not answered:
            sentence = f"Not one of {len(late)} writes went through in {FRESH_SECONDS} s: run this again later."
            await self.writer.health.insist(UnavailableError(sentence))
        undone = [
            *((plan.customer, changed_meanwhile(plan)) for plan in stale),
            *((plan.customer, not_taken(plan.customer, _LATE, plan.match.involved)) for plan in late),
            *((customer, unanswered(customer, _UNSETTLED)) for customer in self.unsettled),
        ]
        self.unsettled = []
        if self.rounds < ROUNDS:
            return [customer for customer, _ in undone]
        self.record([outcome for _, outcome in undone])
        return []


def _looker(services: Services) -> Looker:
    return Looker(services, attio=Health(services.people.is_answering), polar=Health(services.source.is_answering))


def portion_size(pace: Pace) -> int:
    """Return how many customers to look up together: their writes take a third of the time that a plan stays fresh."""
    return max(1, min(LARGEST_PORTION, int(pace.writes * FRESH_SECONDS / 3)))
