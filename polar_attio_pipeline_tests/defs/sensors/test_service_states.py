"""When people are told that a service cannot be used: when a person has to act, and not while it is down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.checks import attio_check, polar_check
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.sensors.notices import SERVICES, State
from polar_attio_pipeline.defs.sensors.service_states import services
from polar_attio_pipeline.defs.sensors.watching import Look, Watched

NAMES = Names("acme")
POLAR, ATTIO = polar_check(NAMES), attio_check(NAMES)
WELL: dict[str, Any] = {"passed": True, "metadata": {"answers": 1}}
DENIED: dict[str, Any] = {
    "passed": False,
    "metadata": {"answers": 1},
    "description": "Polar does not accept the token: set POLAR_ACCESS_TOKEN.",
}
DOWN: dict[str, Any] = {"passed": False, "metadata": {"answers": 0}, "description": "Polar is failing."}


def judge(
    instance: dg.DagsterInstance, verdicts: dict[dg.AssetCheckKey, dict[str, Any]], *, later: timedelta = timedelta(0)
) -> State | None:
    for check, verdict in verdicts.items():
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=check.asset_key, check_name=check.name, **verdict)
        )
    watched = Watched(NAMES, datetime(2026, 11, 1, tzinfo=UTC), timedelta(hours=3), "35 3 * * *", "http://ui", str)
    return services(Look(instance, watched, datetime.now(UTC) + later))


def test_a_bad_token_is_told_of_with_what_to_do_and_a_link_to_the_check(instance: dg.DagsterInstance) -> None:
    assert judge(instance, {POLAR: DENIED, ATTIO: WELL}) == State(
        SERVICES,
        "Polar does not accept the token: set POLAR_ACCESS_TOKEN. The check polar_can_be_read says so "
        "(http://ui/assets/acme/customers_in_polar?view=checks).",
    )


def test_it_is_over_when_both_services_are_well(instance: dg.DagsterInstance) -> None:
    judge(instance, {POLAR: DENIED, ATTIO: WELL})

    assert judge(instance, {POLAR: WELL}) == State(SERVICES, None)


@pytest.mark.parametrize(
    "verdicts", [{}, {POLAR: WELL}, {POLAR: DOWN, ATTIO: WELL}], ids=["never asked", "half asked", "down"]
)
def test_what_is_not_known_is_neither_told_of_nor_over(
    instance: dg.DagsterInstance, verdicts: dict[dg.AssetCheckKey, dict[str, Any]]
) -> None:
    assert judge(instance, verdicts) is None


def test_a_service_that_is_down_does_not_hide_the_other_ones_problem(instance: dg.DagsterInstance) -> None:
    state = judge(instance, {POLAR: DOWN, ATTIO: DENIED})

    assert state is not None
    assert "attio_can_be_written" in (state.problem or "")


def test_the_problems_of_both_services_are_told_of_one_after_the_other(instance: dg.DagsterInstance) -> None:
    denied = {**DENIED, "description": "Attio does not accept the key: set ATTIO_API_KEY."}

    assert judge(instance, {POLAR: DENIED, ATTIO: denied}) == State(
        SERVICES,
        "Polar does not accept the token: set POLAR_ACCESS_TOKEN. The check polar_can_be_read says so "
        "(http://ui/assets/acme/customers_in_polar?view=checks). "
        "Attio does not accept the key: set ATTIO_API_KEY. The check attio_can_be_written says so "
        "(http://ui/assets/acme/people_in_attio?view=checks).",
    )


def test_a_verdict_that_was_not_repeated_for_hours_says_nothing(instance: dg.DagsterInstance) -> None:
    assert judge(instance, {POLAR: DENIED, ATTIO: DENIED}, later=timedelta(hours=3)) is None
