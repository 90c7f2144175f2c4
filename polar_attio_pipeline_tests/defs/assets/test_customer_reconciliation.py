"""All customers in one run: what it repairs, what it only reports, and what it leaves alone."""

from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.conftest import PEOPLE, RECONCILIATION, Pipeline, what_failed


def report(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.recorded(RECONCILIATION)[""]


def counts(pipeline: Pipeline) -> dict[str, int]:
    return {result.value: report(pipeline)[result.value] for result in Result if report(pipeline)[result.value]}


def failed(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return [check for check in result.get_asset_check_evaluations() if not check.passed]


def is_marked(pipeline: Pipeline, record_id: str) -> bool:
    return bool(pipeline.sandbox.attio.person(record_id).values.get("polar_customer"))


def test_the_first_import_brings_everybody_and_the_second_pass_writes_nothing(pipeline: Pipeline) -> None:
    pipeline.sandbox.fill(customers=250, seed=7)

    pipeline.reconcile()

    first = counts(pipeline)
    assert report(pipeline)["customers"] == 250
    assert first["created"] + first["updated"] == pipeline.writes
    assert report(pipeline)["differed from Polar"] == first["created"] + first["updated"]
    assert sum(pipeline.ledger.counts().values()) == 250
    before = pipeline.writes

    pipeline.reconcile()

    assert pipeline.writes == before
    assert counts(pipeline) == {"unchanged": first["created"] + first["updated"], "rejected": first["rejected"]}


def test_a_run_reports_at_the_people_of_attio_how_many_customers_are_among_them(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.add("bob")
    pipeline.add("refused", email="somebody@mail.test")

    pipeline.reconcile()
    pipeline.sync()

    kept = pipeline.instance.fetch_observations(dg.AssetKey("people_in_attio"), limit=10).records
    told = [record.asset_observation.metadata if record.asset_observation else {} for record in kept]
    assert [{name: value.value for name, value in metadata.items()} for metadata in told] == 2 * [
        {"customers": 3, "in Attio and up to date": 2, "not in Attio or out of date": 1}
    ]


def test_a_reconciliation_lists_the_customers_who_are_not_in_attio_even_if_it_is_the_first_run(
    pipeline: Pipeline,
) -> None:
    pipeline.add("ada")
    pipeline.add("refused", email="somebody@mail.test")

    result = pipeline.reconcile()

    (check,) = failed(result)
    assert (check.asset_key, check.check_name) == (PEOPLE, "every_customer_is_in_attio")
    assert check.metadata["customers"].value == 2
    assert check.metadata["not in Attio or out of date"].value == 1


def test_renames_new_addresses_and_marks_taken_off_by_hand_are_repaired(pipeline: Pipeline) -> None:
    ada, bob, _ = (pipeline.add(name) for name in ("ada", "bob", "carol"))
    pipeline.reconcile()
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada Renamed")
    pipeline.sandbox.polar.update_customer(bob.id, email="bob.new@example.com")
    pipeline.sandbox.attio.edit_person(pipeline.person("carol").id, {"polar_customer": False})

    pipeline.reconcile()

    assert counts(pipeline) == {"updated": 3}
    assert pipeline.person("ada").name == "Ada Renamed"
    assert pipeline.person("bob.new").id == pipeline.person("bob").id
    assert is_marked(pipeline, pipeline.person("carol").id)
    assert report(pipeline)["outcomes"].count("| updated |") == 3


def gone(pipeline: Pipeline, *, of: int) -> str:
    """One of so many customers is in Attio and no longer in Polar; return that person's record id."""
    for number in range(of):
        pipeline.add(f"customer{number}")
    pipeline.reconcile()
    person = pipeline.person("customer0")
    pipeline.sandbox.polar.delete_customer(str(person.values["polar_customer_id"]))
    return person.id


def test_people_whom_polar_no_longer_has_are_reported_with_a_link_and_left_alone(pipeline: Pipeline) -> None:
    person = gone(pipeline, of=3)
    before = pipeline.writes

    result = pipeline.reconcile()

    assert report(pipeline)["marked, but deleted in Polar"] == 1
    assert is_marked(pipeline, person)
    assert pipeline.writes == before
    (check,) = failed(result)
    assert check.check_name == "no_deleted_customer_is_marked"
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.metadata["marked, but deleted in Polar"].value == 1
    assert f"/person/{person}" in (check.description or "")
    assert f"/person/{person}" in str(check.metadata["list"].value)


def test_with_the_setting_the_mark_of_people_who_are_gone_is_taken_off_and_nothing_else(pipeline: Pipeline) -> None:
    person = gone(pipeline, of=11)
    pipeline.configure(polar_attio_unmark_orphaned=True)

    result = pipeline.reconcile()

    assert report(pipeline)["unmarked"] == 1
    assert not is_marked(pipeline, person)
    assert "polar_customer_id" in pipeline.sandbox.attio.person(person).values
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert pipeline.sandbox.attio.people_count() == 11


def test_nobody_is_unmarked_when_too_many_are_missing(pipeline: Pipeline) -> None:
    person = gone(pipeline, of=9)
    pipeline.configure(polar_attio_unmark_orphaned=True)

    pipeline.reconcile()

    assert (report(pipeline)["marked, but deleted in Polar"], report(pipeline)["unmarked"]) == (1, 0)
    assert is_marked(pipeline, person)


def test_an_empty_book_changes_nothing_whatever_the_settings(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    refused = pipeline.add("refused", email="somebody@mail.test")
    pipeline.reconcile()
    before = pipeline.writes
    pipeline.sandbox.polar.clear()
    pipeline.configure(polar_attio_unmark_orphaned=True, polar_attio_unmark_max_share=1)

    result = pipeline.reconcile(fails=True)

    assert "approve fewer-customers" in what_failed(result)
    assert pipeline.writes == before
    assert is_marked(pipeline, pipeline.person("ada").id)
    assert [row.polar_customer_id for row in pipeline.ledger.unresolved(limit=None)] == [refused.id]


def test_a_polar_id_that_somebody_copied_to_a_second_person_is_reported_and_nobody_is_written(
    pipeline: Pipeline,
) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    copy = pipeline.sandbox.attio.add_person(emails=["copy@example.com"], values={"polar_customer_id": ada.id})
    before = pipeline.writes

    result = pipeline.reconcile()

    assert pipeline.writes == before
    assert counts(pipeline) == {"ambiguous": 1}
    assert report(pipeline)["people who share a Polar id"] == 2
    check = next(check for check in failed(result) if check.check_name == "every_polar_id_is_held_once")
    assert check.metadata["people who share a Polar id"].value == 2
    assert check.metadata["ids held more than once"].value == 1
    assert f"/person/{copy}" in (check.description or "")


def test_whoever_is_unresolved_and_gone_from_polar_leaves_the_ledger(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    deleted = pipeline.add("deleted", email="deleted@mail.test")
    still = pipeline.add("still", email="still@mail.test")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(deleted.id)

    pipeline.reconcile()

    assert [row.polar_customer_id for row in pipeline.ledger.unresolved(limit=None)] == [still.id]


@pytest.mark.usefixtures("impatient")
def test_a_row_that_polar_shows_again_leaves_the_ledger_too(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    broken = pipeline.add("broken")
    pipeline.sandbox.polar.break_customer(broken.id)
    pipeline.reconcile()
    assert counts(pipeline) == {"created": 1, "rejected": 1}
    pipeline.sandbox.polar.update_customer(broken.id, email="mended@example.com")

    pipeline.reconcile()

    assert pipeline.ledger.unresolved(limit=None) == []
    assert pipeline.names() == {"ada", "mended"}


@pytest.mark.usefixtures("impatient")
def test_the_ledger_is_filled_again_after_it_was_lost(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.reconcile()
    pipeline.database.unlink()

    pipeline.reconcile()

    assert pipeline.writes == 1
    assert pipeline.ledger.counts()[Result.UNCHANGED] == 1
