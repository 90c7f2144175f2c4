"""The job that shows what a pass would do: the same as the pass then does, and it leaves nothing behind."""

from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline_tests.conftest import PEOPLE, RECONCILIATION, Pipeline, what_failed


def preview(pipeline: Pipeline, *hours: int, fails: bool = False) -> dg.ExecuteInProcessResult:
    named = [key(pipeline.here + HOUR * hour) for hour in hours]
    config = dict(zip(("first_hour", "last_hour"), named, strict=False))
    return pipeline.run("preview", run_config={"ops": {"preview_changes": {"config": config}}}, fails=fails)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = (event.step_output_data for event in result.all_events if event.is_successful_output)
    return {name: value.value for name, value in output.metadata.items()}


def test_it_predicts_what_an_hour_then_does(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.sync()
    ada = pipeline.sandbox.polar.by_email("ada@example.com")
    assert ada is not None
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada Renamed")
    pipeline.add("bob")
    pipeline.add("refused", email=None, type="team")
    pipeline.add("other hour", hour=1)

    found = shown(preview(pipeline, 0))
    pipeline.sync()

    done = pipeline.hour()
    assert (found["create"], found["update"], found["keep"], found["reject"]) == (1, 1, 0, 1)
    assert (done["created"], done["updated"], done["unchanged"], done["rejected"]) == (1, 1, 0, 1)
    polar, attio = f"https://polar.sh/to/dashboard/customers/{ada.id}", pipeline.person("ada").url
    row = f"| update | [{ada.id[:8]}]({polar}) | [open]({attio}) | name | Ada Example | Ada Renamed |  |"
    assert row in found["changes"]
    assert {change["action"] for change in found["json"]} == {"create", "update", "reject"}


def test_it_predicts_what_a_range_then_does(pipeline: Pipeline) -> None:
    for hour in range(3):
        pipeline.add(f"customer{hour}", hour=hour)

    found = shown(preview(pipeline, 0, 1))
    pipeline.sync(0, 1)

    assert found["create"] == pipeline.writes == 2


def test_it_predicts_what_a_reconciliation_then_does(pipeline: Pipeline) -> None:
    pipeline.sandbox.fill(customers=120, seed=3)
    pipeline.sync(0, 5)

    found = shown(preview(pipeline))
    pipeline.reconcile()

    done = pipeline.recorded(RECONCILIATION)[""]
    assert (found["create"], found["update"], found["keep"]) == (done["created"], done["updated"], done["unchanged"])


def test_it_leaves_nothing_behind(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    preview(pipeline)
    preview(pipeline, 0)

    assert pipeline.writes == 0
    assert pipeline.sandbox.traffic.count(kind="write") == 0
    assert not pipeline.database.exists()
    assert pipeline.instance.get_latest_materialization_event(PEOPLE) is None


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("yesterday", "", "yesterday"),
        ("2026-11-23-14:00", "2026-11-23-12:00", "2026-11-23-12:00 is before 2026-11-23-14:00"),
        ("", "2026-11-23-12:00", "without a first one"),
    ],
)
def test_hours_that_are_none_end_it_with_what_to_write(pipeline: Pipeline, first: str, last: str, said: str) -> None:
    config = {"first_hour": first, "last_hour": last}

    result = pipeline.run("preview", run_config={"ops": {"preview_changes": {"config": config}}}, fails=True)

    assert said in what_failed(result)
