"""The job that writes a plan from the UI: exactly that, and who was left out is named in its run."""

import asyncio
from pathlib import Path
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.plan_file import plan_file, save
from polar_attio_pipeline.passes.preview import preview_all
from polar_attio_pipeline_tests.conftest import Pipeline, what_failed


def planned(pipeline: Pipeline, folder: Path) -> str:
    """A plan of everything, in a file."""
    file = folder / "plan.json"

    async def run() -> None:
        async with connected(pipeline.settings, reason="test") as context:
            save(plan_file(context, await preview_all(context)), file)

    asyncio.run(run())
    return str(file)


def apply(pipeline: Pipeline, file: str, *, fails: bool = False, **config: Any) -> dg.ExecuteInProcessResult:
    run_config = {"ops": {"write_plan": {"config": {"file": file, **config}}}}
    return pipeline.run("apply_plan", run_config=run_config, fails=fails)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = (event.step_output_data for event in result.all_events if event.is_successful_output)
    return {name: value.value for name, value in output.metadata.items()}


def test_it_writes_the_plan_and_names_who_has_drifted(pipeline: Pipeline, tmp_path: Path) -> None:
    ada, _ = pipeline.add("ada"), pipeline.add("bob")
    file = planned(pipeline, tmp_path)
    pipeline.add("later")
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")

    found = shown(apply(pipeline, file))

    assert pipeline.names() == {"bob"}
    assert (found["created"], found["drifted"], found["not read"]) == (1, 1, 0)
    link = f"[{ada.id[:8]}](https://polar.sh/to/dashboard/customers/{ada.id})"
    assert f"| {link} | name | name: Polar says something else now. |" in found["left out"]
    assert "King" not in str(found)


def test_it_can_write_for_some_customers_alone(pipeline: Pipeline, tmp_path: Path) -> None:
    ada, _ = pipeline.add("ada"), pipeline.add("bob")

    apply(pipeline, planned(pipeline, tmp_path), only=[ada.id])

    assert pipeline.names() == {"ada"}


def test_a_file_that_is_no_plan_ends_it_with_what_to_do(pipeline: Pipeline, tmp_path: Path) -> None:
    result = apply(pipeline, str(tmp_path / "none.json"), fails=True)

    assert "none.json cannot be read: No such file or directory." in what_failed(result)


def test_its_run_can_be_found_dead_so_that_it_does_not_keep_its_place_in_the_pool(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.add("ada")

    result = apply(pipeline, planned(pipeline, tmp_path))

    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run
    assert Names().process_tag in run.tags
