"""What a preview says, held against the run that followed it: field by field, with its old and its new value."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Result
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Action, Plan
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline_tests.sync.state import State

PROMISED = {
    Action.CREATE: Result.CREATED,
    Action.UPDATE: Result.UPDATED,
    Action.KEEP: Result.UNCHANGED,
    Action.REJECT: Result.REJECTED,
    Action.ASK: Result.AMBIGUOUS,
}


def check_predictions(
    plans: Iterable[Plan], failed: Iterable[Outcome], outcomes: Mapping[str, Outcome], before: State, after: State
) -> None:
    """Every write was predicted, and nothing else was."""
    planned = {plan.customer.id: plan for plan in plans}
    expected = {outcome.customer_id: outcome for outcome in failed}
    for customer_id, outcome in outcomes.items():
        plan = planned.get(customer_id)
        if plan is None and customer_id in expected:
            assert (outcome.result, outcome.reason) == (expected[customer_id].result, expected[customer_id].reason)
        elif plan is None:
            assert outcome.result in {Result.UNCHANGED, Result.EXCLUDED}
        elif outcome.reason == "refused_by_attio":
            assert plan.action in {Action.CREATE, Action.UPDATE}
            assert EMAILS_KEY in {change.key for change in plan.changes}
        else:
            assert outcome.result is PROMISED[plan.action]
            assert outcome.changed == tuple(change.key for change in plan.changes)
            if outcome.result in FAILED:
                assert outcome.reason == plan.match.case.value
            else:
                _check_values(plan, outcome, before, after)


def _check_values(plan: Plan, outcome: Outcome, before: State, after: State) -> None:
    assert outcome.record_id
    was, became = before.people.get(outcome.record_id), after.people[outcome.record_id]
    for change in plan.changes:
        if change.key != EMAILS_KEY:
            assert is_same(was.value(change.key) if was else None, change.old), change
            assert is_same(became.value(change.key), change.new), change


def is_same(held: object, planned: object) -> bool:
    """Tell whether a planned value is what Attio shows."""
    if isinstance(planned, PersonName):
        return held == (planned.first, planned.last, planned.full)
    if isinstance(planned, datetime):
        return datetime.fromisoformat(str(held)) == planned.astimezone(UTC)
    if isinstance(planned, date):
        return date.fromisoformat(str(held)) == planned
    return held == planned
