"""Customers that a person has chosen to leave out: no search, no question, no write; all others as ever."""

from dataclasses import replace

from polar_attio_pipeline.sync.audience import SKIPPED_DETAIL, left_out
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.deletions import due
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.sync.both_sides import BothSides
from polar_attio_pipeline_tests.sync.builders import ADA, customer


def test_its_outcome_says_how_to_end_it_and_holds_no_address() -> None:
    found = left_out(customer())

    assert (found.customer_id, found.result, found.email, found.detail) == (ADA, Result.EXCLUDED, None, SKIPPED_DETAIL)
    assert "polar-attio unskip" in SKIPPED_DETAIL


async def test_others_of_the_same_portion_are_written(both: BothSides) -> None:
    both.add_customers(3)
    customers = await both.customers()
    chosen = min(customers)

    await sync(customers.values(), replace(both.services, skipped=frozenset({chosen})), both.record)

    found = {one: outcome.result for one, outcome in both.outcomes().items()}
    assert found.pop(chosen) is Result.EXCLUDED
    assert set(found.values()) == {Result.CREATED}
    assert len(found) == 2


async def test_where_all_of_them_are_left_out_attio_is_not_asked(both: BothSides) -> None:
    both.add_customers(3)
    customers = await both.customers()
    both.requests()

    await sync(customers.values(), replace(both.services, skipped=frozenset(customers)), both.record)

    assert both.requests() == (0, 0)
    assert {outcome.result for outcome in both.outcomes().values()} == {Result.EXCLUDED}


def test_nothing_is_due_at_the_person_of_a_deleted_customer_that_is_left_out(both: BothSides) -> None:
    person = Marked("p1", "https://app.attio.com/acme/person/p1", ADA)

    assert due(person, both.services, unmark=True)
    assert due(person, replace(both.services, skipped=frozenset({ADA})), unmark=True) == ()
