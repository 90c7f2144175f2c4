"""Links people to the company of their customer, where no other company was chosen for them.

A company that a person or another program has chosen stays, and so does one that the CRM itself has chosen: it follows
the addresses of a person by itself, and would undo a correction with the next address. What an earlier pass has linked
follows the customer.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from polar_attio_pipeline.sync.companies.engine import CompanyServices
from polar_attio_pipeline.sync.companies.ports import LinkablePeople
from polar_attio_pipeline.sync.concurrency import run_all
from polar_attio_pipeline.sync.deadline import Deadline
from polar_attio_pipeline.sync.engine import portion_size
from polar_attio_pipeline.sync.freshness import fresh
from polar_attio_pipeline.sync.health import Kind
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    Memory,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.refused_writes import dropped_if_refused
from polar_attio_pipeline.sync.writes import COMPANY_KEY, WrittenValue
from polar_attio_pipeline.sync.writing import FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class LinkCandidate:
    """A person who may have to be linked.

    Attributes:
        record_id: Of the person.
        customer_id: Polar's id, which the person holds.
        company: Record id of the company that holds the domain of the customer's address.
    """

    record_id: str
    customer_id: str
    company: str


@dataclass(slots=True)
class Links:
    """What became of people who may have had to be linked.

    Attributes:
        linked: How many had no company and have one now.
        moved: How many were moved from the company that an earlier pass had linked them to.
        failed: By customer id, why a person could not be linked.
    """

    linked: int = 0
    moved: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def may_be_linked(person: Person, company: str | None) -> bool:
    """Tell from a person alone whether a link may be due: there is no company, or a program has chosen another one.

    Args:
        person: As the CRM holds it.
        company: Record id of the company that it is to have, where there is one already.
    """
    held = person.company
    return held is None or (held.actor == "api-token" and held.value != company)


def is_due(person: Person, candidate: LinkCandidate, linked_before: str | None) -> bool:
    """Tell whether a person is to be linked.

    Args:
        person: As the CRM holds it now.
        candidate: What is to be.
        linked_before: The company that a pass has linked the person to last, if any.
    """
    if person_id(person) != candidate.customer_id or not may_be_linked(person, candidate.company):
        return False
    return person.company is None or person.company.value == linked_before


async def link_people(
    candidates: Sequence[LinkCandidate],
    people: LinkablePeople,
    memory: Memory,
    services: CompanyServices,
    seen: Callable[[int], None],
) -> Links:
    """Link people, portion by portion, each after a fresh look at it.

    Args:
        candidates: Who may have to be linked.
        people: The CRM's people.
        memory: What is on record of earlier passes.
        services: As for companies.
        seen: Takes how many more of them were looked at.

    Raises:
        ServiceDownError: the CRM answers nothing at all.
        TimeIsUpError: it took far longer than the number of people implies.
        StoppedError: every request would fail the same way.
    """
    work = _Linking(people, memory, services)
    size, deadline = portion_size(services.pace), Deadline(len(candidates), "people", services.pace)
    for start in range(0, len(candidates), size):
        deadline.check()
        portion = candidates[start : start + size]
        await work.take(portion)
        seen(len(portion))
    return work.links


@dataclass
class _Linking:
    people: LinkablePeople
    memory: Memory
    services: CompanyServices
    links: Links = field(default_factory=Links)

    async def take(self, candidates: Sequence[LinkCandidate]) -> None:
        """Look at some people and link those who are to be linked."""
        ids = [candidate.record_id for candidate in candidates]
        if why := self.services.health.closed(Kind.SEARCH):
            self.links.failed.update({candidate.customer_id: why for candidate in candidates})
            return
        try:
            found, looked_at = await fresh(partial(self.people.find, ids=(), emails=(), records=ids))
        except UnavailableError as error:
            await self.services.health.failed(Kind.SEARCH, error)
            self.links.failed.update({candidate.customer_id: str(error) for candidate in candidates})
            return
        self.services.health.succeeded(Kind.SEARCH)
        now = {person.record_id: person for person in found.people}
        for one in candidates:
            if one.record_id in found.unsearchable:
                self.links.failed[one.customer_id] = "Attio failed on each search for this person."
        before = self.memory.links(ids)
        pairs = [(now[one.record_id], one) for one in candidates if one.record_id in now]
        due = [(person, one) for person, one in pairs if is_due(person, one, before.get(one.record_id))]
        intents = [_intent_of(person, candidate) for person, candidate in due]
        if intents:
            self.services.history.intend(intents)
        expiry = looked_at + FRESH_SECONDS
        await run_all(
            (partial(self._link, *pair, intent, expiry) for pair, intent in zip(due, intents, strict=True)),
            is_stopping=self.services.is_stopping,
        )

    async def _link(self, person: Person, candidate: LinkCandidate, intent: Intent, expiry: float) -> None:
        health, history, failed = self.services.health, self.services.history, self.links.failed
        if why := health.closed(Kind.LINK):
            history.settle(intent)
            failed[candidate.customer_id] = why
            return
        try:
            with dropped_if_refused(history, intent):
                async with asyncio.timeout_at(expiry):
                    execution_id = await self.people.link(person.record_id, candidate.company)
        except TimeoutError:
            failed[candidate.customer_id] = f"Attio did not carry the write out within {FRESH_SECONDS} s."
        except (RecordGoneError, RecordRefusedError) as error:
            health.succeeded(Kind.LINK)
            failed[candidate.customer_id] = str(error)
        except (UnavailableError, DeniedError) as error:
            failed[candidate.customer_id] = str(error)
            await health.failed(Kind.LINK, error)
        else:
            health.succeeded(Kind.LINK)
            self.links.linked += person.company is None
            self.links.moved += person.company is not None
            history.settle(intent, *intent.done(person.record_id, [([COMPANY_KEY], execution_id)]))


def _intent_of(person: Person, candidate: LinkCandidate) -> Intent:
    held = person.company
    old, actor = (held.value, held.actor) if held else (None, None)
    return Intent(candidate.customer_id, person.record_id, (WrittenValue(COMPANY_KEY, old, actor, candidate.company),))
