"""Passes on a ledger of an earlier version: nothing is written twice, and an old pass can be taken back."""

from pathlib import Path

import pytest

from polar_attio_pipeline.sync.undo.values import Verdict
from polar_attio_pipeline_tests.ledger.earlier_versions import EARLIER, as_version
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import living_in, newest_pass, undo, workspace
from polar_attio_pipeline_tests.passes.uninstalling import take_out

WITH_HISTORY = EARLIER[1:]


def continue_with(stage: Stage, folder: Path, revision: str) -> None:
    """Let the stage go on with a ledger of an earlier version, in which its passes so far are on record."""
    earlier = as_version(stage.ledger, str(folder / f"{revision}.db"), revision)
    stage.ledger.close()
    stage.ledger = earlier


def fill(stage: Stage) -> str:
    """Bring a person who is known already, and a new one; return the pass."""
    stage.sandbox.attio.add_person(emails=["ada@example.com"], name="Ada Example")
    stage.add("ada", **living_in("DE"))
    stage.add("bob", **living_in("DE"))
    stage.reconcile()
    return newest_pass(stage)


@pytest.mark.parametrize("revision", EARLIER)
def test_a_pass_after_the_upgrade_writes_only_what_differs(stage: Stage, tmp_path: Path, revision: str) -> None:
    fill(stage)
    continue_with(stage, tmp_path, revision)
    writes = stage.writes

    stage.reconcile()
    assert stage.writes == writes
    bob = next(one for one in stage.sandbox.polar.customers.values() if one.email == "bob@example.com")
    stage.sandbox.polar.update_customer(bob.id, email="new@example.com", **living_in("FR"))
    stage.reconcile()

    assert stage.writes == writes + 1
    assert len(stage.sandbox.attio.people()) == 2


@pytest.mark.parametrize("revision", WITH_HISTORY)
def test_a_pass_from_before_the_upgrade_is_taken_back_and_people_whom_it_made_are_not_touched(
    stage: Stage, tmp_path: Path, revision: str
) -> None:
    name = fill(stage)
    continue_with(stage, tmp_path, revision)

    taken = undo(stage, name)

    held = {one.emails[0]: one for one in stage.sandbox.attio.people()}
    assert "polar_customer_id" not in held["ada@example.com"].values
    assert held["ada@example.com"].name == "Ada Example"
    bob = held["bob@example.com"]
    assert (bob.name, bob.values["polar_country"]) == ("Bob Example", "DE")
    assert taken.of(bob.id).verdict is Verdict.CREATED
    assert taken.done.left == 1


def test_without_a_history_there_is_nothing_to_take_back(stage: Stage, tmp_path: Path) -> None:
    name = fill(stage)
    continue_with(stage, tmp_path, "0001")
    full = workspace(stage.sandbox.attio)

    assert undo(stage, name).done.written == 0

    assert workspace(stage.sandbox.attio) == full


@pytest.mark.parametrize("revision", WITH_HISTORY)
def test_it_is_uninstalled_with_the_history_of_an_earlier_version(stage: Stage, tmp_path: Path, revision: str) -> None:
    fill(stage)
    continue_with(stage, tmp_path, revision)

    assert take_out(stage).done.left == 0

    assert {key for one in stage.sandbox.attio.people() for key in one.values if key.startswith("polar_")} == set()
    assert {one.name for one in stage.sandbox.attio.people()} == {"Ada Example", "Bob Example"}
