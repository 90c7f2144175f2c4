"""A CRM's companies in memory, which are slow, fail, or are written by others, and what the engine is given of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.engine import CompanyServices
from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.planning import Candidate, CompanyOutcome
from polar_attio_pipeline.sync.companies.ports import DomainTakenError, FoundCompanies
from polar_attio_pipeline.sync.health import Health
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.ports import RecordGoneError
from polar_attio_pipeline.sync.records import CurrentValue, Value, Values
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.sync.fakes import OnRecord

TARGETS = tuple(Target(attribute, attribute.types[0], currency="USD") for attribute in COMPANY_ATTRIBUTES)
ACME = Candidate(("acme.com",), None, "acme.com")


@dataclass
class Crm(OnRecord):
    """Companies in memory.

    Attributes:
        before: Called before each search and each write, with what it is and its key; may raise, or wait.
        answers: Whether it answers simple requests.
    """

    companies: dict[str, CompanyRecord] = field(default_factory=dict)
    before: Callable[[str, str], None] = lambda what, key: None
    answers: bool = True
    wait: float = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    outcomes: list[CompanyOutcome] = field(default_factory=list)

    def holding(self, domain: str) -> list[CompanyRecord]:
        return [company for company in self.companies.values() if domain in company.domains]

    def put(self, *domains: str, record_id: str = "", **held: Value) -> CompanyRecord:
        """Add a record that holds these values, written by a key."""
        record_id = record_id or f"c{len(self.companies)}"
        values = {key: CurrentValue(value, "api-token") for key, value in held.items()}
        record = CompanyRecord(record_id, f"https://app.attio.com/acme/company/{record_id}", domains, values)
        self.companies[record.record_id] = record
        return record

    async def find(self, *, domains: Collection[str], records: Collection[str] = ()) -> FoundCompanies:
        self._call("find", " ".join(domains))
        return FoundCompanies(
            [one for one in self.companies.values() if one.record_id in records or {*one.domains} & {*domains}]
        )

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[CompanyRecord]]:
        yield list(self.companies.values())

    async def create(self, values: Values, *, domain: str) -> CompanyRecord:
        self._call("create", domain)
        await asyncio.sleep(self.wait)
        if self.holding(domain):
            raise DomainTakenError
        return self._write(self.put(domain), values)

    async def update(self, record_id: str, values: Values) -> CompanyRecord:
        self._call("update", record_id)
        await asyncio.sleep(self.wait)
        if record_id not in self.companies:
            raise RecordGoneError
        return self._write(self.companies[record_id], values)

    async def is_answering(self) -> bool:
        return self.answers

    def record(self, outcomes: Sequence[CompanyOutcome]) -> None:
        self.outcomes.extend(outcomes)

    def services(self, **changes: object) -> CompanyServices:
        given = CompanyServices(
            self, TARGETS, Health(self.is_answering), history=self, pace=Pace(writes=1000, questions=1000)
        )
        return replace(given, **changes)  # type: ignore[arg-type]

    def results(self) -> dict[str, Result]:
        found = {outcome.name: outcome.result for outcome in self.outcomes}
        assert len(found) == len(self.outcomes), "a company has two outcomes"
        return found

    def _call(self, what: str, key: str) -> None:
        self.calls.append((what, key))
        self.before(what, key)

    def _write(self, record: CompanyRecord, values: Values) -> CompanyRecord:
        held = {**record.values}
        for key, value in values.items():
            if value is None:
                held.pop(key, None)
            else:
                held[key] = CurrentValue(value, "api-token")
        self.companies[record.record_id] = replace(record, values=held)
        return self.companies[record.record_id]


def groups(*domains: str) -> Groups:
    found = Groups()
    for domain in domains:
        found.add(domain, f"somebody@{domain}", ())
    return found


def candidates(*domains: str) -> list[Candidate]:
    return [Candidate((domain,), None, domain) for domain in domains]


def failing_with(error: Exception, *, of: str, key: str = "") -> Callable[[str, str], None]:
    def before(what: str, asked: str) -> None:
        if what == of and key in asked:
            raise error

    return before
