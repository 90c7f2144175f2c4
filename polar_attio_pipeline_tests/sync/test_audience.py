"""Who is written: customers who are not wanted and not in Attio are excluded; who is there is kept true for ever."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.audience import Audience, exclusion
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.comparison import Comparison
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Reason, Result
from polar_attio_pipeline.sync.reconciliation import Book, bring, compare
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.status import PAYING_NOW, Status
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect, new_sandbox
from polar_attio_pipeline_tests.sync.builders import customer

PAYS = Billing(status=Status.PAYING, ever_paid=True)
PAID = Billing(status=Status.CHURNED, ever_paid=True)
NEVER = Billing(status=Status.NEVER_PAID)


async def billed(both: BothSides, bills: Mapping[str, Billing | None]) -> list[Customer]:
    """All customers with what they pay, by id; the others have never paid."""
    return [replace(one, billing=bills.get(one.id, NEVER)) for one in (await both.customers()).values()]


async def one_pass(both: BothSides, customers: Iterable[Customer], audience: Audience) -> dict[str, Outcome]:
    await sync(customers, replace(both.services, audience=audience), both.record)
    return both.outcomes()


async def reconciled(
    both: BothSides, customers: Sequence[Customer], audience: Audience
) -> tuple[Comparison, dict[str, Outcome]]:
    async def portions(*some: Sequence[Customer]) -> AsyncIterator[Sequence[Customer]]:
        for portion in some:
            yield portion

    services = replace(both.services, audience=audience)
    comparison = await compare(Book(portions(customers), portions()), services, both.record)
    await bring(comparison.pending(), comparison, services, both.record)
    return comparison, both.outcomes()


@pytest.mark.parametrize("status", [*Status, None])
def test_who_pays_now_is_decided_by_the_status(status: Status | None) -> None:
    found = exclusion(customer(billing=Billing(status=status, ever_paid=True)), Audience.PAYS_NOW)

    assert (found is None) == (status in PAYING_NOW)


@pytest.mark.parametrize("ever_paid", [True, False])
def test_who_ever_paid_is_decided_by_what_is_known_of_payments(*, ever_paid: bool) -> None:
    found = exclusion(customer(billing=Billing(status=Status.FREE, ever_paid=ever_paid)), Audience.EVER_PAID)

    assert (found is None) == ever_paid


@pytest.mark.parametrize(
    ("audience", "billing"),
    [
        (Audience.EVER_PAID, Billing(status=Status.TRIALING, ever_paid=None)),
        (Audience.PAYS_NOW, Billing(is_certain=False)),
        (Audience.EVER_PAID, Billing(is_certain=False, ever_paid=None)),
    ],
)
def test_of_whom_it_cannot_be_told_it_is_asked_again(audience: Audience, billing: Billing) -> None:
    found = exclusion(customer(billing=billing), audience)

    assert found
    assert (found.result, found.reason) == (Result.REJECTED, Reason.UNANSWERED)


def test_what_one_audience_does_not_need_to_know_does_not_stand_in_its_way() -> None:
    trialing = customer(billing=Billing(status=Status.TRIALING, ever_paid=None))
    paid_once = customer(billing=Billing(is_certain=False, ever_paid=True))

    excluded = exclusion(trialing, Audience.PAYS_NOW)
    assert excluded
    assert excluded.result is Result.EXCLUDED
    assert exclusion(paid_once, Audience.EVER_PAID) is None


@pytest.mark.parametrize("billing", [None, NEVER, PAID, PAYS])
def test_everybody_is_everybody(billing: Billing | None) -> None:
    assert exclusion(customer(billing=billing), Audience.EVERYBODY) is None


def test_an_excluded_customer_has_an_outcome_of_its_own_that_says_why_and_is_no_failure() -> None:
    found = exclusion(customer(billing=NEVER), Audience.PAYS_NOW)

    assert found
    assert found.result is Result.EXCLUDED
    assert found.result not in FAILED
    assert found.reason is None
    assert found.detail == "Not written: POLAR_ATTIO_WHO is pays-now, and the customer does not pay now."


@pytest.mark.parametrize("audience", [Audience.EVER_PAID, Audience.PAYS_NOW])
def test_of_whom_it_could_not_be_read_it_is_asked_again(audience: Audience) -> None:
    found = exclusion(customer(billing=None), audience)

    assert found
    assert (found.result, found.reason) == (Result.REJECTED, Reason.UNANSWERED)
    assert (found.detail or "").startswith(
        "It is not known whether the customer pays: what Polar has of it could not be read, or not be understood. "
    )


@pytest.fixture
async def both() -> AsyncIterator[BothSides]:
    """Both sides, with the attributes of billing too."""
    sandbox = new_sandbox()
    add_attributes(sandbox.attio, (attribute for attribute in ATTRIBUTES if attribute not in KNOWN))
    async with connect(sandbox) as sides:
        yield sides


async def test_only_the_wanted_become_people_and_each_customer_has_one_outcome(both: BothSides) -> None:
    pays, paid, never = (
        both.polar.add_customer(email=f"{who}@example.com", name=None) for who in ("pays", "paid", "no")
    )
    customers = await billed(both, {pays.id: PAYS, paid.id: PAID})

    outcomes = await one_pass(both, customers, Audience.EVER_PAID)

    assert {key: outcome.result for key, outcome in outcomes.items()} == {
        pays.id: Result.CREATED,
        paid.id: Result.CREATED,
        never.id: Result.EXCLUDED,
    }
    assert both.attio.people_count() == 2


async def test_who_drops_out_stays_and_is_kept_true(both: BothSides) -> None:
    ada = both.polar.add_customer(email="ada@example.com", name="Ada Lovelace")
    await one_pass(both, await billed(both, {ada.id: PAYS}), Audience.PAYS_NOW)

    outcomes = await one_pass(both, await billed(both, {ada.id: PAID}), Audience.PAYS_NOW)
    _, again = await reconciled(both, await billed(both, {ada.id: PAID}), Audience.PAYS_NOW)

    assert outcomes[ada.id].result is Result.UPDATED
    assert both.person_of(ada.id).values["polar_status"] == "Churned"
    assert again[ada.id].result is Result.UNCHANGED


async def test_a_person_who_is_there_by_address_alone_is_left_as_it_is(both: BothSides) -> None:
    never = both.polar.add_customer(email="ada@example.com", name="Ada Lovelace")
    both.attio.add_person(emails=["ada@example.com"])
    writes = both.attio.writes

    outcomes = await one_pass(both, await billed(both, {}), Audience.EVER_PAID)

    assert outcomes[never.id].result is Result.EXCLUDED
    assert both.attio.writes == writes


async def test_an_excluded_customer_does_not_take_an_address_from_one_who_pays(both: BothSides) -> None:
    older = both.polar.add_customer(email=None, name="Acme", type="team")
    both.polar.add_member(older.id, email="ada@example.com")
    pays = both.polar.add_customer(email="ada@example.com", name="Ada Lovelace")

    outcomes = await one_pass(both, await billed(both, {pays.id: PAYS}), Audience.PAYS_NOW)

    assert (outcomes[older.id].result, outcomes[pays.id].result) == (Result.EXCLUDED, Result.CREATED)


async def test_polar_is_not_asked_for_the_owners_of_excluded_teams(both: BothSides) -> None:
    for number in range(3):
        team = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(team.id, email=f"owner-{number}@example.com")
    customers = await billed(both, {})
    both.sandbox.traffic.reset()

    outcomes = await one_pass(both, customers, Audience.PAYS_NOW)

    assert {outcome.result for outcome in outcomes.values()} == {Result.EXCLUDED}
    assert both.sandbox.traffic.count(service="polar") == 0


async def test_a_reconciliation_settles_the_excluded_without_a_search(both: BothSides) -> None:
    both.add_customers(300)
    customers = await billed(both, {})
    both.requests()

    comparison, outcomes = await reconciled(both, customers, Audience.PAYS_NOW)

    assert len(outcomes) == comparison.excluded == comparison.settled == 300
    assert both.requests() == (1, 0)


@pytest.mark.parametrize("audience", Audience)
async def test_both_kinds_of_pass_decide_alike_and_a_second_one_writes_nothing(
    both: BothSides, audience: Audience
) -> None:
    rows = [both.polar.add_customer(email=f"c{number}@example.com", name=None) for number in range(4)]
    bills = dict(zip((row.id for row in rows), (PAYS, PAID, NEVER, None), strict=True))
    customers = await billed(both, bills)

    first = await one_pass(both, customers, audience)
    writes = both.attio.writes
    _, second = await reconciled(both, customers, audience)

    assert both.attio.writes == writes
    assert first.keys() == second.keys() == bills.keys()
    for key, outcome in second.items():
        same = {Result.CREATED: Result.UNCHANGED}
        assert outcome.result is same.get(first[key].result, first[key].result)
