"""Brings companies to the CRM: look some of them up, plan, write, and again for those whom the CRM had outrun.

Every company gets exactly one outcome, unless a service is down or the pass has to end; what is known until then is
recorded, and running again is safe. A plan rests on a look that is at most `FRESH_SECONDS` old. How long it can take
is bounded as in `engine`: by the pace, the number of companies and `ROUNDS`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.planning import (
    Candidate,
    CompanyOutcome,
    CompanyPlan,
    done,
    intent_of_company,
    not_taken_company,
    plan_company,
    record_of,
    rejected,
)
from polar_attio_pipeline.sync.companies.ports import Companies, DomainTakenError, FoundCompanies
from polar_attio_pipeline.sync.companies.refusals import write_what_is_taken
from polar_attio_pipeline.sync.concurrency import run_all
from polar_attio_pipeline.sync.deadline import Deadline
from polar_attio_pipeline.sync.engine import ROUNDS, portion_size
from polar_attio_pipeline.sync.freshness import fresh
from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.intents import Intent, seen_of_company
from polar_attio_pipeline.sync.looking import log_unexpected
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    History,
    NoHistory,
    RecordGoneError,
    RecordRefusedError,
    StoppedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.refused_writes import dropped_if_refused
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline.sync.writing import FRESH_SECONDS

RecordCompanies = Callable[[Sequence[CompanyOutcome]], None]
"""Takes outcomes as they become known."""

_LATE = f"Attio did not carry the write out within {FRESH_SECONDS} s."
_OUTRUN = "Attio says that the domain is taken or the record no longer exists, but a fresh search does not show why."


@dataclass(frozen=True, slots=True)
class CompanyServices:
    """What a pass over companies works with.

    Attributes:
        companies: The CRM's companies.
        targets: The attributes of this workspace that may be written.
        health: Evidence about the CRM.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
        history: Keeps on record what is written.
        pace: The configured rates.
        is_stopping: Tells whether somebody has asked for the pass to end.
    """

    companies: Companies
    targets: tuple[Target, ...]
    health: Health
    overwrite_typed: bool = False
    history: History = field(default_factory=NoHistory)
    pace: Pace = field(default_factory=Pace)
    is_stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class _Undone:
    candidate: Candidate
    why: str


async def bring_companies(
    candidates: Sequence[Candidate], groups: Groups, services: CompanyServices, record: RecordCompanies
) -> None:
    """Write what differs of these companies; every one of them gets exactly one outcome.

    Raises:
        ServiceDownError: the CRM answers nothing at all.
        TimeIsUpError: it took far longer than the number of companies implies.
        StoppedError: every request would fail the same way, such as after a revoked token.
    """
    work = _Work(groups, services, record)
    deadline = Deadline(len(candidates), "companies", services.pace)
    size, rest, undone = portion_size(services.pace), list(candidates), list[_Undone]()
    for _ in range(ROUNDS):
        undone = []
        for start in range(0, len(rest), size):
            deadline.check()
            undone += await work.take(rest[start : start + size])
        rest, size = [one.candidate for one in undone], max(1, size // 2)
    record([not_taken_company(one.candidate, one.why) for one in undone])


@dataclass
class _Work:
    groups: Groups
    services: CompanyServices
    record: RecordCompanies
    perhaps_done: dict[Candidate, tuple[CompanyPlan, Intent]] = field(default_factory=dict)
    answered: bool = False

    async def take(self, candidates: Sequence[Candidate]) -> list[_Undone]:
        """Look at some companies and write what differs; return those that have to be looked at once more."""
        if why := self.services.health.closed(Kind.SEARCH_COMPANIES):
            self.record([not_taken_company(candidate, why) for candidate in candidates])
            return []
        try:
            found, looked_at = await fresh(partial(self._find, candidates))
        except UnavailableError as error:
            await self.services.health.failed(Kind.SEARCH_COMPANIES, error)
            self.record([not_taken_company(candidate, str(error)) for candidate in candidates])
            return []
        self.services.health.succeeded(Kind.SEARCH_COMPANIES)
        return await self._write(self._plans(candidates, found), expiry=looked_at + FRESH_SECONDS)

    async def _find(self, candidates: Sequence[Candidate]) -> FoundCompanies:
        return await self.services.companies.find(
            domains=[domain for candidate in candidates for domain in candidate.domains],
            records=[candidate.record_id for candidate in candidates if candidate.record_id],
        )

    def _plans(self, candidates: Sequence[Candidate], found: FoundCompanies) -> list[CompanyPlan]:
        """Return the plans that write, one for each record; record the outcomes of all other candidates."""
        plans: dict[str, CompanyPlan] = {}
        for candidate in candidates:
            try:
                plan = self._plan(candidate, found)
            except Exception as error:  # noqa: BLE001  # one company's data must not end the pass
                self._unexpected(candidate, error)
                continue
            if isinstance(plan, CompanyOutcome):
                self.record([plan])
            elif plan and plan.writes:
                if plan.record:
                    self._confirmed(plan, plan.record)
                # One record may hold the domains of several candidates.
                key = plan.record.record_id if plan.record else candidate.name
                plans[key] = _joined(plans[key], candidate) if key in plans else plan
            elif plan and plan.record:
                self._was_done(plan, plan.record)
        return list(plans.values())

    def _plan(self, candidate: Candidate, found: FoundCompanies) -> CompanyPlan | CompanyOutcome | None:
        record = record_of(candidate, found)
        if isinstance(record, CompanyOutcome):
            return record
        if record is None and not candidate.domains:
            return None  # Somebody has deleted or merged a company without customers.
        services = self.services
        return plan_company(candidate, record, self.groups, services.targets, overwrite_typed=services.overwrite_typed)

    def _was_done(self, plan: CompanyPlan, record: CompanyRecord) -> None:
        """Record that nothing is to be written, or that an earlier write, whose answer was lost, has done it."""
        self.record([done(self._confirmed(plan, record) or plan, record)])

    def _confirmed(self, plan: CompanyPlan, record: CompanyRecord) -> CompanyPlan | None:
        """Put an earlier write on record, whose answer was lost, as far as a look shows it, and return its plan."""
        if plan.candidate not in self.perhaps_done:
            return None
        before, intent = self.perhaps_done.pop(plan.candidate)
        seen = seen_of_company(intent, record)
        if seen is None:
            return None
        self.services.history.settle(intent, seen)
        return before

    async def _write(self, plans: Sequence[CompanyPlan], *, expiry: float) -> list[_Undone]:
        self.answered = False
        intents = [intent_of_company(plan) for plan in plans]
        if intents:
            self.services.history.intend(intents)
        results = await run_all(
            (partial(self._apply, plan, intent, expiry) for plan, intent in zip(plans, intents, strict=True)),
            is_stopping=self.services.is_stopping,
        )
        undone = [result for result in results if result]
        if undone and not self.answered:
            sentence = f"Not one of {len(undone)} writes went through in {FRESH_SECONDS} s: run this again later."
            await self.services.health.insist(UnavailableError(sentence))
        return undone

    async def _apply(self, plan: CompanyPlan, intent: Intent, expiry: float) -> _Undone | None:
        candidate, health, history = plan.candidate, self.services.health, self.services.history
        kind = Kind.UPDATE_COMPANIES if plan.record else Kind.CREATE_COMPANIES
        if why := health.closed(kind):
            history.settle(intent)
            self.record([not_taken_company(candidate, why, plan.record)])
            return None
        try:
            with dropped_if_refused(history, intent):
                async with asyncio.timeout_at(expiry):
                    carried = await write_what_is_taken(self.services.companies, plan)
        except TimeoutError:
            self.perhaps_done[candidate] = (plan, intent)
            return _Undone(candidate, _LATE)
        except (DomainTakenError, RecordGoneError) as error:
            self._has_answered(kind)
            if isinstance(error, DomainTakenError) and error.perhaps_ours:
                self.perhaps_done[candidate] = (plan, intent)
            return _Undone(candidate, _OUTRUN)
        except RecordRefusedError as error:
            self._has_answered(kind)
            where = error.field or "the record"
            detail = f"Attio refused {where}: {error.message} Correct it in Attio; the next pass tries again."
            self.record([rejected(candidate, Reason.REFUSED, detail, plan.record)])
        except (UnavailableError, DeniedError) as error:
            self.record([not_taken_company(candidate, str(error), plan.record)])
            await health.failed(kind, error)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            self._unexpected(candidate, error)
        else:
            self._has_answered(kind)
            history.settle(intent, *intent.done(carried.record.record_id, carried.answers))
            self.record([carried.outcome()])
        return None

    def _has_answered(self, kind: Kind) -> None:
        self.answered = True
        self.services.health.succeeded(kind)

    def _unexpected(self, candidate: Candidate, error: Exception) -> None:
        log_unexpected(f"company {candidate.name}", error)
        detail = f"This program failed with {type(error).__name__} on the company; the log says where. Report it."
        self.record([rejected(candidate, Reason.UNEXPECTED, detail)])


def _joined(plan: CompanyPlan, candidate: Candidate) -> CompanyPlan:
    return replace(plan, candidate=replace(plan.candidate, domains=(*plan.candidate.domains, *candidate.domains)))
