"""A pass in which some plans must not be carried out."""

from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import Outcome, Result, excluded
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline_tests.sync.both_sides import BothSides


async def test_a_plan_that_must_not_be_carried_out_has_the_outcome_of_the_veto_and_harms_no_other(
    both: BothSides,
) -> None:
    both.add_customers(3)
    customers = await both.customers()
    forbidden, *others = customers
    asked: list[str] = []

    def veto(plan: Plan) -> Outcome | None:
        asked.append(plan.customer.id)
        return excluded(plan.customer, "not now.") if plan.customer.id == forbidden else None

    await sync(customers.values(), both.services, both.record, veto=veto)

    outcomes = both.outcomes()
    assert sorted(asked) == sorted(customers)
    assert outcomes[forbidden] == excluded(customers[forbidden], "not now.")
    assert {outcomes[one].result for one in others} == {Result.CREATED}
    assert both.requests()[1] == len(others)
