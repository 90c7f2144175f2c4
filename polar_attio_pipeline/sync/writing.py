"""Carries plans out: many writes at once, each with an outcome of its own.

What a plan rests on is seconds old when it is carried out, or it is given up and made anew. Giving up a write under way
is safe: creating takes an address only once, and the new plan begins with a new look.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.intents import Intent, intent_of, seen_of_person
from polar_attio_pipeline.sync.looking import log_unexpected
from polar_attio_pipeline.sync.outcomes import (
    Outcome,
    not_taken,
    partly_refused,
    partly_refused_before,
    refused,
    refused_before,
    unexpected,
    unwritable,
    written,
)
from polar_attio_pipeline.sync.partial_writes import Carried, write_what_is_taken
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    RecordGoneError,
    RecordRefusedError,
    StoppedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.refusals import mark
from polar_attio_pipeline.sync.refused_writes import dropped_if_refused
from polar_attio_pipeline.sync.restoring import keep_company
from polar_attio_pipeline.sync.services import Services

CONCURRENT_WRITES = 64
"""Writes under way or waiting for the rate limit: enough to keep 25 a second busy at a latency of two seconds."""

FRESH_SECONDS = 60
"""A plan is carried out within this time of the look at the CRM that it rests on: later a person may have typed."""

Record = Callable[[Sequence[Outcome]], None]
"""Takes outcomes as they become known, so that what was done is on record even if the pass ends early."""


@dataclass
class Writer:
    """Carries out the plans of one pass.

    Attributes:
        stale: Plans that the CRM had outrun: the address is taken, or the record no longer exists.
        late: Plans that were not carried out in time.
        answered: Whether any write was answered.
        perhaps_done: For customers whose write may have been carried out although no answer said so: the plan.
        ended: The error that ends the pass; no further write is begun.
    """

    services: Services
    health: Health
    record: Record
    stale: list[Plan] = field(default_factory=list)
    late: list[Plan] = field(default_factory=list)
    perhaps_done: dict[str, Plan] = field(default_factory=dict)
    answered: bool = False
    ended: BaseException | None = None
    _refused: set[str] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_WRITES))
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def carry_out(self, plans: Sequence[Plan], *, looked_at: float) -> None:
        """Begin the writes of these plans, as far as there is room, and record the plans that write nothing.

        Args:
            plans: Oldest customer first.
            looked_at: When the CRM was looked at, by the event loop's clock.
        """
        self.confirm(plans)
        idle = [plan for plan in plans if not plan.writes]
        self.record([self._without_writing(plan) for plan in idle])
        for plan in idle:
            if plan.match.person and (done := self.perhaps_done.get(plan.customer.id)):
                await keep_company(self.services, done, plan.match.person)
        await self._send(self._not_refused_before([plan for plan in plans if plan.writes]), looked_at + FRESH_SECONDS)

    async def finish(self) -> None:
        """Wait for every write under way.

        Raises:
            Exception: what ends the pass.
        """
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self.ended:
            raise self.ended

    def confirm(self, plans: Sequence[Plan]) -> None:
        """Put writes that were not answered on record, as far as the look behind these plans shows that they were done.

        Args:
            plans: Made since; they need not be carried out.
        """
        history = self.services.history
        for plan in plans:
            for intent in history.unsettled(plan.customer.id):
                if plan.match.person and (seen := seen_of_person(intent, plan.match.person)):
                    history.settle(intent, seen)

    def take_undone(self) -> tuple[list[Plan], list[Plan], bool]:
        """Return the stale and the late plans, and whether any write was answered, all since the last call."""
        undone = self.stale, self.late, self.answered
        self.stale, self.late, self.answered = [], [], False
        return undone

    async def drain(self, seconds: float) -> None:
        """Let the writes under way come to an end, for so long, so that what they did is on record."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)

    async def cancel(self) -> None:
        """Give up what is under way, because the pass itself is given up."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _not_refused_before(self, due: Sequence[Plan]) -> list[Plan]:
        """Return the plans to send; record those of which the CRM has refused just this, before."""
        refusals = self.services.memory.refusals([plan.customer.id for plan in due])
        to_send = []
        for plan in due:
            before, detail = refusals.get(plan.customer.id, ("", ""))
            if known := self._known_refusal(plan, before, detail):
                self.record([known])
            else:
                to_send.append(plan)
        return to_send

    async def _send(self, due: Sequence[Plan], expiry: float) -> None:
        """Begin the writes of these plans, all of which are on record before the first one is sent."""
        waiting = deque((plan, intent_of(plan)) for plan in due)
        if waiting:
            self.services.history.intend([intent for _, intent in waiting])
        try:
            while waiting:
                await self._slots.acquire()
                if self.ended:
                    self._slots.release()
                    return
                plan, intent = waiting.popleft()
                task = asyncio.create_task(self._apply(plan, intent, expiry=expiry))
                self._under_way.add(task)
                task.add_done_callback(self._done)
        finally:
            for _, intent in waiting:
                self.services.history.settle(intent)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        # Asked of each task, or the event loop would log the errors after the first one with their whole stacks.
        error = None if task.cancelled() else task.exception()
        self.ended = self.ended or error

    def _without_writing(self, idle: Plan) -> Outcome:
        person = idle.match.person
        if person is None:
            return unwritable(idle)
        done = self.perhaps_done.get(idle.customer.id)
        return written(replace(idle, action=done.action, changes=done.changes) if done else idle, person)

    async def _apply(self, due: Plan, intent: Intent, *, expiry: float) -> None:
        kind = Kind.CREATE if due.action is Action.CREATE else Kind.UPDATE
        history = self.services.history
        if why := self.health.closed(kind):
            history.settle(intent)
            self.record([not_taken(due.customer, why, due.match.involved)])
            return
        try:
            with dropped_if_refused(history, intent):
                async with asyncio.timeout_at(expiry):
                    carried = await write_what_is_taken(
                        self.services.people, due, required=self._required(), suspected=self._refused
                    )
        except TimeoutError:
            self.late.append(due)
            self.perhaps_done[due.customer.id] = due
        except (EmailTakenError, RecordGoneError) as error:
            self._has_answered(kind)
            self.stale.append(due)
            if isinstance(error, EmailTakenError) and error.perhaps_ours:
                self.perhaps_done[due.customer.id] = due
        except RecordRefusedError as error:
            self._has_answered(kind)
            sent = self._fingerprint(due)
            self.record([refused(due, field=error.field, message=error.message, fingerprint=sent)])
        except (UnavailableError, DeniedError) as error:
            self.record([not_taken(due.customer, str(error), due.match.involved)])
            await self.health.failed(kind, error)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  # one customer's data must not end the pass
            log_unexpected(f"customer {due.customer.id}", error, customer_id=due.customer.id)
            self.record([unexpected(due.customer, error)])
        else:
            self._has_answered(kind)
            history.settle(intent, *intent.done(carried.person.record_id, carried.answers))
            await self._written(carried)

    async def _written(self, carried: Carried) -> None:
        done, person = carried.done, carried.person
        if carried.left:
            self._refused.update(key for refusal in carried.refusals for key in refusal.keys if len(refusal.keys) == 1)
            left = self._fingerprint(carried.left, partly=True)
            self.record([partly_refused(done, person, carried.refusals, fingerprint=left)])
        else:
            self.record([written(done, person)])
        await keep_company(self.services, done, person)

    def _known_refusal(self, due: Plan, before: str, detail: str) -> Outcome | None:
        """Return the outcome of a plan of which the CRM has refused just this, before."""
        if before == self._fingerprint(due):
            return refused_before(due, detail=detail, fingerprint=before)
        if due.match.person and before == self._fingerprint(due, partly=True):
            return partly_refused_before(due, due.match.person, detail=detail, fingerprint=before)
        return None

    def _required(self) -> frozenset[str]:
        return frozenset(target.attribute.key for target in self.services.targets if target.attribute.required)

    def _has_answered(self, kind: Kind) -> None:
        self.answered = True
        self.health.succeeded(kind)

    def _fingerprint(self, due: Plan, *, partly: bool = False) -> str:
        return mark(due, refused_in=self.services.refused_in, partly=partly)
