"""How often a pass tries, and what it says of customers for whom that was not enough: minutes in virtual time."""

import asyncio
from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.sync import looking
from polar_attio_pipeline.sync.engine import preview, sync
from polar_attio_pipeline.sync.health import ServiceDownError
from polar_attio_pipeline.sync.outcomes import Outcome, Result, not_taken, unanswered
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer, Person, Values
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, person
from polar_attio_pipeline_tests.sync.fakes import Attio, Polar, Restless

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
P1 = person("p1", "ada@example.com", polar_customer_id=ADA)


def one_pass(attio: Attio, *customers: Customer, polar: Polar | None = None) -> list[Outcome]:
    recorded: list[Outcome] = []
    with virtual_time(NOW):
        asyncio.run(sync(customers, Services(attio, polar or Polar(), TARGETS), recorded.extend))
    return recorded


def test_a_write_that_is_late_three_times_is_named_with_the_time_that_it_had() -> None:
    attio = Attio([P1], seconds=100)

    outcomes = one_pass(attio, customer())

    assert outcomes == [not_taken(customer(), "Attio did not carry the write out within 60 s, 3 times.", (P1,))]
    assert len(attio.searches) == len(attio.sent) == 3


def test_where_no_write_is_answered_and_the_service_neither_the_pass_ends() -> None:
    said = r"^Not one of 2 writes went through in 60 s: run this again later\.$"

    with pytest.raises(ServiceDownError, match=said):
        one_pass(Attio([P1], seconds=100, answers=False), customer(), customer(BOB, "bob@example.com"))


class SlowAtFirst(Attio):
    """Attio, where the first update takes too long."""

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        self.seconds = 0 if any(record_id == sent for sent, _ in self.sent) else 100
        return await super().update(record_id, values, add_email=add_email)

    async def create(self, values: Values, *, email: str) -> Person:
        self.seconds = 0
        return await super().create(values, email=email)


def test_an_answer_to_one_write_shows_that_the_service_is_there_and_the_late_one_is_tried_again() -> None:
    outcomes = one_pass(SlowAtFirst([P1], answers=False), customer(), customer(BOB, "bob@example.com"))

    assert {outcome.customer_id: outcome.result for outcome in outcomes} == {ADA: Result.UPDATED, BOB: Result.CREATED}


def test_a_customer_about_whom_each_look_raises_a_new_question_waits_for_the_next_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "OLD_SECONDS", -1)
    polar = Polar(alive={f"customer-{number}": False for number in range(100)})

    outcomes = one_pass(Restless(), customer(), polar=polar)

    why = "The person who has the customer's address in Attio was another one at each of 3 looks."
    assert outcomes == [unanswered(customer(), why)]


TEAM = customer(ADA, None)
DOWN = UnavailableError("It fails.")


@pytest.mark.parametrize(
    ("attio", "polar"),
    [(Attio(down=DOWN, answers=False), Polar({ADA: None})), (Attio(), Polar({ADA: DOWN}, answers=False))],
)
async def test_a_preview_ends_where_a_service_answers_nothing(attio: Attio, polar: Polar) -> None:
    with pytest.raises(ServiceDownError, match=r"^It fails\.$"):
        await anext(preview([TEAM], Services(attio, polar, TARGETS)))
