"""Carries plans out: many writes at once, each with an outcome of its own.

What a plan rests on is seconds old when it is carried out, or it is given up and made anew. Giving up a write under way
is safe: creating takes an address only once, and the new plan begins with a new look.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.health import Health, Kind
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
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.refusals import mark
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import COMPANY_KEY, Write, WrittenValue, write_of, write_seen

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
    _unconfirmed: dict[str, Plan] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_WRITES))
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def carry_out(self, plans: Sequence[Plan], *, looked_at: float) -> None:
        """Begin the writes of these plans, as far as there is room, and record the plans that write nothing.

        Args:
            plans: Oldest customer first.
            looked_at: When the CRM was looked at, by the event loop's clock.
        """
        for plan in plans:
            self._confirm(plan)
        idle = [plan for plan in plans if not plan.writes]
        self.record([self._without_writing(plan) for plan in idle])
        for plan in idle:
            if plan.match.person and (done := self.perhaps_done.get(plan.customer.id)):
                await self._keep_company(done, plan.match.person)
        due = [plan for plan in plans if plan.writes]
        refusals = self.services.memory.refusals([plan.customer.id for plan in due])
        for plan in due:
            before, detail = refusals.get(plan.customer.id, ("", ""))
            if known := self._known_refusal(plan, before, detail):
                self.record([known])
                continue
            await self._slots.acquire()
            if self.ended:
                self._slots.release()
                return
            task = asyncio.create_task(self._apply(plan, expiry=looked_at + FRESH_SECONDS))
            self._under_way.add(task)
            task.add_done_callback(self._done)

    async def finish(self) -> None:
        """Wait for every write under way.

        Raises:
            Exception: what ends the pass.
        """
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self.ended:
            raise self.ended

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

    async def _apply(self, due: Plan, *, expiry: float) -> None:
        kind = Kind.CREATE if due.action is Action.CREATE else Kind.UPDATE
        if why := self.health.closed(kind):
            self.record([not_taken(due.customer, why, due.match.involved)])
            return
        try:
            async with asyncio.timeout_at(expiry):
                carried = await write_what_is_taken(
                    self.services.people, due, required=self._required(), suspected=self._refused
                )
        except TimeoutError:
            self.late.append(due)
            self._perhaps(due)
        except (EmailTakenError, RecordGoneError) as error:
            self._has_answered(kind)
            self.stale.append(due)
            if isinstance(error, EmailTakenError) and error.perhaps_ours:
                self._perhaps(due)
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
            log_unexpected(f"customer {due.customer.id}", error)
            self.record([unexpected(due.customer, error)])
        else:
            self._has_answered(kind)
            await self._written(carried)

    def _perhaps(self, due: Plan) -> None:
        self.perhaps_done[due.customer.id] = self._unconfirmed[due.customer.id] = due

    def _confirm(self, plan: Plan) -> None:
        """Put a write that was not answered on record, as far as the look behind this plan shows that it was done."""
        done = self._unconfirmed.pop(plan.customer.id, None)
        if done and plan.match.person and (seen := write_seen(done, plan.match.person)).values:
            self.services.history.add(seen)

    async def _keep_company(self, done: Plan, person: Person) -> None:
        """Keep the company that somebody chose, where an address was added: beyond the time limit of the write.

        One that the CRM or a pass of the sync has chosen follows the addresses instead.
        """
        before = done.match.person
        if not (done.new_email and before and before.company) or self._follows(before):
            return
        company = str(before.company.value)
        replaced = await self.services.people.keep_company(person, company)
        if replaced:
            restored = WrittenValue(COMPANY_KEY, replaced.value, replaced.actor, company)
            self.services.history.add(Write(done.customer.id, person.record_id, (restored,)))

    def _follows(self, before: Person) -> bool:
        """Tell whether a person's company is one that the CRM or a pass has chosen."""
        chosen = before.company
        if chosen is None or chosen.actor == "system":
            return True
        linked = self.services.memory.links([before.record_id]) if chosen.actor == "api-token" else {}
        return linked.get(before.record_id) == chosen.value

    async def _written(self, carried: Carried) -> None:
        done, person = carried.done, carried.person
        if done.changes:
            self.services.history.add(write_of(done, person))
        if carried.left:
            self._refused.update(key for refusal in carried.refusals for key in refusal.keys if len(refusal.keys) == 1)
            left = self._fingerprint(carried.left, partly=True)
            self.record([partly_refused(done, person, carried.refusals, fingerprint=left)])
        else:
            self.record([written(done, person)])
        await self._keep_company(done, person)

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
