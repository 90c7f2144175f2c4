"""The company of a person who was given an address: whether it is kept, and what goes on record of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.ports import BeforeWrite, NoMemory, Restored
from polar_attio_pipeline.sync.records import CurrentValue, Person
from polar_attio_pipeline.sync.restoring import keep_company
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person
from polar_attio_pipeline_tests.worlds.exploring import Polar
from polar_attio_pipeline_tests.worlds.journal import Journal
from polar_attio_pipeline_tests.worlds.workspace import Workspace

ADDRESS = Change("email_addresses", "ada@old.com", "ada@new.com")
COUNTRY = Change("polar_country", "DE", "GB")
BEFORE = person("r1", "ada@old.com", polar_customer_id=ADA)
AFTER = person("r1", "ada@new.com", "ada@old.com", polar_customer_id=ADA)
BY_ATTIO = CurrentValue("company of attio", "system")
KEPT = (WrittenValue("company", "company of attio", "system", "chosen"),)


@dataclass
class Automated(Workspace):
    """People whose company the CRM replaces.

    Attributes:
        answered: What comes of restoring it; None where no answer comes.
        asked: Whose company was to be kept, and which.
    """

    answered: Restored | None = None
    asked: list[tuple[Person, str]] = field(default_factory=list)

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        self.asked.append((person, company))
        before_write(BY_ATTIO)
        return self.answered


@dataclass
class Linked(NoMemory):
    """The companies that a pass has linked people to, by record id."""

    companies: Mapping[str, str]

    def links(self, record_ids: Iterable[str]) -> Mapping[str, str]:
        return {one: self.companies[one] for one in record_ids if one in self.companies}


def moved(chosen: CurrentValue | None, *changes: Change) -> Plan:
    """A plan that was carried out for Ada, whose person had a company."""
    before = replace(BEFORE, company=chosen)
    return Plan(customer(), Match(Case.EMAIL_CHANGED, before), Action.UPDATE, changes or (ADDRESS,))


async def asked_for(done: Plan, links: Mapping[str, str] | None = None) -> list[tuple[Person, str]]:
    people = Automated({})
    await keep_company(Services(people, Polar(), TARGETS, memory=Linked(links or {}), history=Journal()), done, AFTER)
    return people.asked


@pytest.mark.parametrize(
    ("chosen", "links"),
    [
        pytest.param(CurrentValue("chosen", "workspace-member"), {}, id="by a person"),
        pytest.param(CurrentValue("chosen", "workspace-member"), {"r1": "chosen"}, id="by a person as by a pass"),
        pytest.param(CurrentValue("chosen", "app"), {}, id="by an app"),
        pytest.param(CurrentValue("chosen", "api-token"), {}, id="by another program"),
        pytest.param(CurrentValue("chosen", "api-token"), {"r1": "another"}, id="by another program since a pass"),
    ],
)
async def test_a_company_that_somebody_chose_is_kept(chosen: CurrentValue, links: Mapping[str, str]) -> None:
    assert await asked_for(moved(chosen), links) == [(AFTER, "chosen")]


@pytest.mark.parametrize(
    ("chosen", "links"),
    [
        pytest.param(CurrentValue("chosen", "system"), {}, id="by the CRM"),
        pytest.param(CurrentValue("chosen", "api-token"), {"r1": "chosen"}, id="by a pass"),
        pytest.param(None, {}, id="there is none"),
    ],
)
async def test_any_other_company_follows_the_addresses(chosen: CurrentValue | None, links: Mapping[str, str]) -> None:
    assert await asked_for(moved(chosen), links) == []


async def test_without_a_new_address_or_a_person_before_there_is_nothing_to_keep() -> None:
    made = Plan(customer(), Match(Case.NEW), Action.CREATE, (replace(ADDRESS, old=None),))

    assert await asked_for(moved(CurrentValue("chosen", "workspace-member"), COUNTRY)) == []
    assert await asked_for(made) == []


async def kept_in(journal: Journal, answered: Restored | None) -> None:
    services = Services(Automated({}, answered=answered), Polar(), TARGETS, history=journal)
    await keep_company(services, moved(CurrentValue("chosen", "workspace-member")), AFTER)


async def test_a_company_that_was_restored_is_on_record_with_the_one_that_the_crm_had_set() -> None:
    journal = Journal()

    await kept_in(journal, Restored("x-1"))

    assert journal.written == [Write(ADA, "r1", KEPT, execution_id="x-1")]
    assert journal.intended == []


async def test_without_an_answer_it_stays_on_record_as_intended_for_the_customer() -> None:
    journal = Journal()

    await kept_in(journal, None)

    (left,) = journal.unsettled(ADA)
    assert (left.record_id, left.values, journal.written) == ("r1", KEPT, [])
