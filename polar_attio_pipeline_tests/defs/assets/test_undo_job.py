"""The job that takes a pass back: at first it only shows what would happen, and it names what stays as it is."""

from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.assets.undo_job import build_undo_job
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline_tests.conftest import Pipeline, what_failed
from polar_attio_pipeline_tests.passes.undoing import living_in


def undo(pipeline: Pipeline, name: str, *, fails: bool = False, **config: Any) -> dg.ExecuteInProcessResult:
    given = {"pass_id": name, **config}
    return pipeline.run("undo_pass", run_config={"ops": {"take_back": {"config": given}}}, fails=fails)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = (event.step_output_data for event in result.all_events if event.is_successful_output)
    return {name: value.value for name, value in output.metadata.items()}


def synced(pipeline: Pipeline) -> str:
    """Sync a customer whose person was there, and one who is new; return the id of the run, which is the pass."""
    pipeline.sandbox.attio.add_person(emails=["ada@example.com"], name="Ada Example")
    pipeline.add("ada", **living_in("DE"))
    pipeline.add("bob")
    return pipeline.sync().run_id


def test_it_shows_what_would_happen_and_writes_nothing_unless_it_is_told_to(pipeline: Pipeline) -> None:
    name = synced(pipeline)
    writes = pipeline.writes

    found = shown(undo(pipeline, name[:13]))

    assert pipeline.writes == writes
    assert found["dry run"] is True
    assert found["created by the pass, not deleted"] == 1
    assert found["cleared"] > 3
    ada = pipeline.sandbox.polar.by_email("ada@example.com")
    assert ada is not None
    link = f"[{ada.id[:8]}](https://polar.sh/to/dashboard/customers/{ada.id})"
    assert f"| cleared | polar_country | {link} | [open]({pipeline.person('ada').url}) |" in found["would be written"]
    assert pipeline.person("bob").url in found["stays as it is"]


def test_it_takes_the_pass_back_and_the_undo_is_a_pass_by_the_id_of_its_run(pipeline: Pipeline) -> None:
    name = synced(pipeline)

    result = undo(pipeline, name, dry_run=False)

    assert pipeline.person("ada").values.get("polar_customer_id") is None
    assert shown(result)["undo"] == result.run_id
    newest = pipeline.ledger.newest_passes(1)[0]
    assert (newest.pass_id, newest.kind) == (result.run_id, "undo")
    assert name in newest.reason


def test_parts_of_a_pass_are_chosen_in_the_config(pipeline: Pipeline) -> None:
    name = synced(pipeline)

    undo(pipeline, name, dry_run=False, attributes=["polar_country"])

    assert pipeline.person("ada").values.get("polar_country") is None
    assert pipeline.person("ada").values.get("polar_customer") is True


def test_what_it_shows_holds_no_values(pipeline: Pipeline) -> None:
    name = synced(pipeline)

    found = shown(undo(pipeline, name))

    assert not any("example.com" in str(value) or "Ada" in str(value) for value in found.values())


def test_an_unknown_pass_is_one_sentence(pipeline: Pipeline) -> None:
    assert "No pass on record has the id nothing" in what_failed(undo(pipeline, "nothing", fails=True))


@pytest.mark.parametrize("prefix", ["", "acme"])
def test_it_carries_the_prefix_of_its_pipeline(prefix: str) -> None:
    names = Names(prefix)

    assert build_undo_job(names, {}).name == names.of("undo_pass")


def test_its_run_names_its_process_so_that_one_that_died_does_not_keep_its_place(pipeline: Pipeline) -> None:
    result = undo(pipeline, synced(pipeline), dry_run=False)

    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert Names().process_tag in run.tags
