"""`polar-attio plan`: what the next pass would do, in the terminal, and no trace of having looked."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline_tests.conftest import PEOPLE, RECONCILIATION, Pipeline


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    result = plan(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def at(pipeline: Pipeline, hour: int) -> str:
    return key(pipeline.here + HOUR * hour)


def test_what_it_says_of_an_hour_is_what_the_run_then_writes(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada", name="Ada Lovelace")
    pipeline.sync()
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")
    bob = pipeline.add("bob")
    pipeline.add("later", hour=1)

    found = told("--from", at(pipeline, 0))
    pipeline.sync()

    assert found["counts"] == {"create": 1, "update": 1, "keep": 0, "reject": 0, "ask a human": 0, "exclude": 0}
    assert (pipeline.hour()["created"], pipeline.hour()["updated"]) == (1, 1)
    renamed = {
        change["field"]: (change["old"], change["new"]) for change in found["changes"] if change["customer"] == ada.id
    }
    assert renamed["name"] == ("Ada Lovelace", "Ada King")
    assert all(old != new for old, new in renamed.values())
    created = {change["field"]: change["new"] for change in found["changes"] if change["customer"] == bob.id}
    written = pipeline.person("bob").values
    assert created["email_addresses"] == "bob@example.com"
    assert created["polar_customer_id"] == written["polar_customer_id"] == bob.id
    assert set(created) == written.keys() & {*created, "polar_customer"}


def test_a_range_is_its_hours_and_no_others(pipeline: Pipeline) -> None:
    for hour in range(4):
        pipeline.add(f"customer{hour}", hour=hour)

    found = told("--from", at(pipeline, 1), "--to", at(pipeline, 2))
    pipeline.sync(1, 2)

    assert found["counts"]["create"] == pipeline.writes == 2


def test_without_hours_it_is_the_whole_book(pipeline: Pipeline) -> None:
    pipeline.sandbox.fill(customers=120, seed=5)
    pipeline.sync(0, 3)

    counts = told()["counts"]
    pipeline.reconcile()

    done = pipeline.recorded(RECONCILIATION)[""]
    # What Attio itself refuses is known only by trying.
    refused = [row.reason for row in pipeline.ledger.unresolved(limit=None)].count("refused_by_attio")
    assert counts["create"] == done["created"] + refused
    assert counts["update"] == done["updated"]
    assert counts["keep"] == done["unchanged"]
    assert counts["reject"] + counts["ask a human"] == done["rejected"] + done["ambiguous"] - refused


def test_the_text_has_the_totals_first_and_names_who_what_old_and_new(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada", name="Ada Lovelace")
    pipeline.add("team", email=None, type="team")
    pipeline.sandbox.attio.add_person(emails=["ada@example.com"], name="Countess Lovelace")

    shown = plan("--from", at(pipeline, 0)).stdout

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "2 customers, 0 to create, 1 to update, 0 to keep, 1 to reject, 0 to ask a human."
    assert f"{ada.id} nothing -> yes" in lines
    assert f"{ada.id} Countess Lovelace -> Ada Lovelace" in lines
    assert "Rejected (no_email), 1" in lines


def test_when_there_is_nothing_to_do_only_the_counts_are_told(pipeline: Pipeline) -> None:
    shown = plan("--from", at(pipeline, 0))

    assert shown.stdout == "0 customers, 0 to create, 0 to update, 0 to keep, 0 to reject, 0 to ask a human.\n"


def test_it_leaves_no_trace_anywhere(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    plan()
    plan("--from", at(pipeline, 0), "--json")

    assert pipeline.writes == 0
    assert pipeline.sandbox.traffic.count(kind="write") == 0
    assert not pipeline.database.parent.exists()
    assert pipeline.instance.get_latest_materialization_event(PEOPLE) is None


def test_a_ledger_that_exists_is_not_touched(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.sync()
    database = pipeline.database
    before = (database.read_bytes(), database.stat().st_mtime_ns)

    plan()
    plan("--from", at(pipeline, 0))

    assert (database.read_bytes(), database.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "today"), "are no hours: write them like"),
        (("--to", "2026-11-23-14:00"), "without a first one"),
        (("--from", "2026-11-23-14:00", "--to", "2026-11-23-13:00"), "The range is empty"),
    ],
)
def test_hours_that_are_none_are_refused_in_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    refused = plan(*arguments)

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_attributes_that_a_setting_maps_are_shown_and_a_wrong_entry_is_named(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.attio.add_attribute("plan_tier", "text")
    pipeline.add("ada", metadata={"tier": "pro"})
    monkeypatch.setenv("POLAR_ATTIO_ATTRIBUTES", '{"plan_tier": {"from": "metadata.tier"}}')

    shown = plan()

    assert "plan_tier" in shown.output.partition("Fields to write")[2]
    monkeypatch.setenv("POLAR_ATTIO_ATTRIBUTES", '{"vat": {"from": "tax_idd"}}')
    wrong = plan()
    assert wrong.exit_code == 1
    assert "POLAR_ATTIO_ATTRIBUTES: vat: there is no field tax_idd, the nearest one is tax_id" in wrong.output
