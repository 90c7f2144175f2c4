"""What a look makes of customers: a plan only where it is certain who they are, and a reason for each of the others."""

import asyncio
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.sync import looking
from polar_attio_pipeline.sync.freshness import OLD_SECONDS
from polar_attio_pipeline.sync.health import TOLERATED_SEARCHES, Health
from polar_attio_pipeline.sync.looking import Look, Looker
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case
from polar_attio_pipeline.sync.outcomes import Outcome, not_taken, unanswered, unexpected
from polar_attio_pipeline.sync.planning import Action, Change
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer, Owner, PersonName
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, person, target
from polar_attio_pipeline_tests.sync.fakes import Attio, Polar, Restless

TEAM = "7ea00000-0000-4000-8000-000000000003"
OTHER = "07e00000-0000-4000-8000-000000000004"
SILENCE = UnavailableError("Polar fails.")


def looker(attio: Attio, polar: Polar | None = None, targets: tuple[Target, ...] = TARGETS) -> Looker:
    polar = polar or Polar()
    services = Services(attio, polar, targets)
    return Looker(services, attio=Health(attio.is_answering), polar=Health(polar.is_answering))


async def look(at: Looker, *customers: Customer) -> Look:
    return await at.look(customers)


async def outcomes_of(at: Looker, *customers: Customer) -> list[Outcome]:
    found = await look(at, *customers)
    assert found.plans == []
    return found.outcomes


async def test_for_nobody_nothing_is_searched_for() -> None:
    attio = Attio()

    assert await look(looker(attio)) == Look()
    assert attio.searches == []


async def test_a_person_with_another_customers_id_has_no_plan_while_polar_does_not_say_whether_that_one_lives() -> None:
    held = person("p1", "ada@example.com", polar_customer_id=OTHER)

    found = await outcomes_of(looker(Attio([held]), Polar(alive={OTHER: SILENCE})), customer())

    assert found == [unanswered(customer(), "Polar fails.")]


async def test_a_team_whose_owner_polar_does_not_say_has_no_plan() -> None:
    team = customer(TEAM, None)

    found = await outcomes_of(looker(Attio(), Polar({TEAM: SILENCE})), team)

    assert found == [unanswered(team, "Polar fails.")]


async def test_the_address_of_a_customer_without_an_answer_is_kept_for_it_until_there_is_one() -> None:
    older, younger = customer(ADA, "Ada@Example.com"), customer(BOB, "ada@example.com")
    polar = Polar(alive={OTHER: SILENCE})
    at = looker(Attio([person("p1", "ada@example.com", polar_customer_id=OTHER)]), polar)

    await outcomes_of(at, older)
    polar.alive = {OTHER: False}
    [of_younger] = (await look(at, younger)).plans
    [of_older] = (await look(at, older)).plans

    assert (of_younger.match.case, of_younger.action) == (Case.SHARED_EMAIL, Action.ASK)
    assert (of_older.match.case, of_older.action) == (Case.RECREATED, Action.UPDATE)


async def test_a_customer_about_whom_each_look_raises_a_new_question_is_unsettled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "OLD_SECONDS", -1)
    polar = Polar(alive={f"customer-{number}": False for number in range(3)})

    found = await look(looker(Restless(), polar), customer())

    assert replace(found, looked_at=0) == Look(unsettled=[customer()], asked=3)


async def test_once_searches_have_failed_for_very_many_nobody_is_searched_for_and_each_is_named() -> None:
    attio = Attio(down=UnavailableError("Attio fails."))
    at = looker(attio)
    ada, bob = customer(), customer(BOB, "bob@example.com")
    for _ in range(TOLERATED_SEARCHES + 1):
        assert await outcomes_of(at, ada) == [not_taken(ada, "Attio fails.")]
    searches = len(attio.searches)

    found = await outcomes_of(at, ada, bob)

    why = "All searches for people fail at present, so this one was left out: Attio fails."
    assert found == [not_taken(ada, why), not_taken(bob, why)]
    assert len(attio.searches) == searches


@pytest.mark.parametrize(("key", "named"), [(ADA, "id"), ("ada@example.com", "address")])
async def test_a_customer_who_cannot_be_searched_for_has_no_plan_and_the_key_is_named(key: str, named: str) -> None:
    found = await look(looker(Attio(unsearchable=frozenset({key}))), customer(), customer(BOB, "bob@example.com"))

    assert found.outcomes == [not_taken(customer(), f"Attio failed on each search for the customer's {named}.")]
    assert [plan.customer.id for plan in found.plans] == [BOB]


async def test_what_the_search_for_the_addresses_of_owners_finds_is_added_to_what_is_known() -> None:
    ada, bob = customer(), customer(BOB, "bob@example.com")
    team, other = customer(TEAM, None), customer(OTHER, None)
    known, owner = person("p1", "ada@example.com", polar_customer_id=ADA), person("p2", "owner@example.com")
    attio = Attio([known, owner], unsearchable=frozenset({BOB, "unsearchable@example.com"}))
    owners = {TEAM: Owner("owner@example.com", None), OTHER: Owner("unsearchable@example.com", None)}

    found = await look(looker(attio, Polar(owners)), ada, bob, team, other)

    assert {plan.customer.id: plan.match.case for plan in found.plans} == {ADA: Case.KNOWN, TEAM: Case.FOUND_BY_EMAIL}
    assert {outcome.customer_id: outcome.detail for outcome in found.outcomes} == {
        BOB: "Attio failed on each search for the customer's id. The next pass tries again.",
        OTHER: "Attio failed on each search for the customer's address. The next pass tries again.",
    }


@pytest.mark.parametrize("wins", [True, False])
async def test_whether_polar_wins_over_what_a_person_typed_is_decided_by_the_setting(*, wins: bool) -> None:
    typed = person("p1", "ada@example.com", actor="workspace-member", polar_customer_id=ADA, polar_country="FR")
    attio, polar = Attio([typed]), Polar()
    services = Services(attio, polar, (target("polar_country"),), overwrite_typed=wins)
    at = Looker(services, attio=Health(attio.is_answering), polar=Health(polar.is_answering))

    [plan] = (await look(at, customer(country="GB"))).plans

    change = (Change("polar_country", "FR", "GB"),)
    assert (plan.changes, plan.kept) == ((change, ()) if wins else ((), change))


async def test_a_customer_on_whom_this_program_fails_costs_itself_alone_and_the_log_says_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ZeroDivisionError("Ada Lovelace")

    def name(of: Customer) -> PersonName | None:
        if of.id == ADA:
            raise error
        return None

    broken = Target(replace(target("name").attribute, value=name), target("name").type)

    found = await look(looker(Attio(), targets=(broken,)), customer(), customer(BOB, "bob@example.com"))

    assert found.outcomes == [unexpected(customer(), error)]
    assert [plan.customer.id for plan in found.plans] == [BOB]
    [record] = caplog.records
    assert (record.name, record.levelno) == (looking.__name__, logging.ERROR)
    places = r"(\S+\.py:\d+, )+\S*test_looking\.py:\d+"
    assert re.fullmatch(rf"ZeroDivisionError on customer {ADA} at {places}", record.getMessage())
    assert record.__dict__["polar_attio"] == {"customer_id": ADA}


def test_after_a_search_that_took_minutes_people_are_looked_at_anew() -> None:
    attio = Attio([person("p1", "ada@example.com")], first_search_seconds=300)

    with virtual_time(datetime(2026, 11, 3, 12, tzinfo=UTC)) as timeline:
        found = asyncio.run(looker(attio).look([customer()]))
        passed = timeline.monotonic()

    assert len(attio.searches) == 2
    assert passed - found.looked_at < OLD_SECONDS
