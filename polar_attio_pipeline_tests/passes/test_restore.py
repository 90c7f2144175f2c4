"""A backup is restored after later passes: nothing is doubled or written over, and older passes can be taken back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline import processes
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.backup import copy
from polar_attio_pipeline.ledger.location import Location, locate
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import MANY_CHANGES
from polar_attio_pipeline.passes.brake import ManyChangesError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.restore import check_owners, compare, restore
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.undo.values import Verdict
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import living_in, newest_pass, undo, workspace
from polar_attio_pipeline_tests.passes.uninstalling import take_out


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


def place_of(stage: Stage) -> Location:
    return stage.ledger._database.place


def known(stage: Stage, name: str, **fields: Any) -> Customer:
    """A customer whose person somebody has typed into Attio before."""
    stage.sandbox.attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example")
    return stage.add(name, **fields)


def record_of(stage: Stage, name: str) -> str:
    (found,) = (one.id for one in stage.sandbox.attio.people() if f"{name}@example.com" in one.emails)
    return found


def back_up(stage: Stage, backup: Path) -> None:
    copy(place_of(stage), backup, patience=1)


def put_back(stage: Stage, backup: Path, waits: Callable[[str, float], None] = lambda *_: None) -> Path | None:
    place = place_of(stage)
    assert place.file
    return asyncio.run(restore(stage.ledger, place, backup, place.file.with_name("kept.db"), waits=waits))


def test_after_a_restore_the_next_reconciliation_doubles_nobody_and_writes_nothing_that_is_there_already(
    stage: Stage, backup: Path
) -> None:
    ada = known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    back_up(stage, backup)
    stage.add("new")
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()
    lost = newest_pass(stage)
    stage.sandbox.attio.edit_person(record_of(stage, "new"), {"polar_country": "typed"})
    full, writes = workspace(stage.sandbox.attio), stage.writes

    put_back(stage, backup)
    stage.reconcile()

    assert (workspace(stage.sandbox.attio), stage.writes) == (full, writes)
    assert stage.ledger.changes_of_pass(lost) == []
    assert set(stage.ledger.of_customers(list(stage.sandbox.polar.customers))) == set(stage.sandbox.polar.customers)
    kept = Ledger(backup.with_name("kept.db"))
    assert kept.changes_of_pass(lost)
    kept.close()


def test_what_is_gone_from_the_history_is_said_before(stage: Stage, backup: Path) -> None:
    ada = known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    back_up(stage, backup)
    assert (compare(backup, place_of(stage)).newer_passes, compare(backup, place_of(stage)).newer_values) == (0, 0)
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()
    stage.reconcile()

    found = compare(backup, place_of(stage))

    assert (found.newer_passes, found.newer_values) == (2, 1)
    assert found.present
    assert found.present.passes == found.backup.passes + 2


def test_an_approval_of_many_changes_in_the_backup_is_void_since_it_may_have_been_used(
    stage: Stage, backup: Path
) -> None:
    stage.rules = replace(stage.rules, change_min_people=0)
    ada = known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    with pytest.raises(ManyChangesError):
        stage.reconcile()
    approvals.approve(stage.ledger, MANY_CHANGES.name)
    back_up(stage, backup)
    stage.reconcile()

    put_back(stage, backup)
    stage.sandbox.polar.update_customer(ada.id, **living_in("IT"))

    with pytest.raises(ManyChangesError):
        stage.reconcile()


def test_an_undo_of_an_older_pass_takes_back_what_is_its_own_and_nothing_that_lost_passes_or_people_wrote(
    stage: Stage, backup: Path
) -> None:
    ada = known(stage, "ada", **living_in("DE"), external_id="x-1")
    known(stage, "bob", **living_in("DE"))
    stage.reconcile()
    old = newest_pass(stage)
    back_up(stage, backup)
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()
    stage.sandbox.attio.edit_person(record_of(stage, "bob"), {"polar_country": "typed"})
    put_back(stage, backup)

    taken = undo(stage, old)

    held = {one.id: one.values for one in stage.sandbox.attio.people()}
    assert held[record_of(stage, "ada")]["polar_country"] == "FR"
    assert held[record_of(stage, "bob")]["polar_country"] == "typed"
    assert "polar_external_id" not in held[record_of(stage, "ada")]
    lost = taken.of(record_of(stage, "ada"), "polar_country")
    assert (lost.verdict, lost.detail.split(",")[0]) == (Verdict.CHANGED, "An API key has written it since")


def test_writes_that_were_under_way_when_the_backup_was_made_come_into_the_history(stage: Stage, backup: Path) -> None:
    known(stage, "ada", **living_in("DE"))
    seen = stage.ledger.intend

    def intend_and_back_up(*arguments: Any, **others: Any) -> Any:
        keys = seen(*arguments, **others)
        back_up(stage, backup)
        return keys

    stage.ledger.intend = intend_and_back_up  # type: ignore[method-assign]
    stage.reconcile()
    name = newest_pass(stage)
    history = stage.ledger.changes_of_pass(name)
    stage.ledger.intend = seen  # type: ignore[method-assign]

    put_back(stage, backup)
    assert stage.ledger.changes_of_pass(name) == []
    stage.reconcile()

    assert [(row.attribute, row.new_value) for row in stage.ledger.changes_of_pass(name)] == [
        (row.attribute, row.new_value) for row in history
    ]


def test_a_pass_that_is_at_work_is_waited_for(stage: Stage, backup: Path) -> None:
    known(stage, "ada")
    stage.reconcile()
    back_up(stage, backup)
    token = stage.ledger.acquire_lease(processes.process_identity(), "a pass of a test")
    assert token
    said: list[str] = []

    def waits(who: str, _: float) -> None:
        said.append(who)
        assert stage.ledger.all_changes(), "nothing is restored yet"
        stage.ledger.release_lease(token)

    put_back(stage, backup, waits)

    assert "a pass of a test" in said[0]


def test_on_another_machine_the_backup_is_the_ledger(stage: Stage, backup: Path, tmp_path: Path) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    name, writes = newest_pass(stage), stage.writes
    back_up(stage, backup)
    stage.ledger.close()
    stage.ledger = Ledger(tmp_path / "there" / "ledger.db")

    assert put_back(stage, backup) is None

    stage.reconcile()
    assert stage.writes == writes
    assert undo(stage, name).done.left == 0


def test_the_ledger_itself_is_no_backup_of_it(stage: Stage) -> None:
    stage.reconcile()
    file = place_of(stage).file
    assert file

    with pytest.raises(LedgerError, match="is the ledger itself"):
        compare(file, place_of(stage))


@pytest.mark.parametrize(
    ("fact", "what"),
    [("polar_organization_id", "Polar organization"), ("attio_workspace_id", "Attio workspace")],
)
def test_a_backup_of_another_organization_or_workspace_is_refused(
    stage: Stage, backup: Path, fact: str, what: str
) -> None:
    known(stage, "ada")
    stage.reconcile()
    back_up(stage, backup)
    stage.ledger.set_fact(fact, "another")

    with pytest.raises(
        GuardError, match=f"The backup belongs to the {what} .*, but the ledger here belongs to another"
    ):
        put_back(stage, backup)
    found = compare(backup, locate(backup.with_name("none.db")))
    with pytest.raises(GuardError, match="but the tokens belong to another: nothing was changed"):
        check_owners(found.backup, {fact: "another"}, whose="the tokens belong")
    check_owners(found.backup, {fact: None}, whose="the tokens belong")


def test_what_was_uninstalled_stays_so_after_a_restore_until_a_person_approves(stage: Stage, backup: Path) -> None:
    stage.add("ada")
    stage.reconcile()
    back_up(stage, backup)
    take_out(stage)

    put_back(stage, backup)

    with pytest.raises(GuardError, match="polar-attio approve reinstall"):
        stage.reconcile()


def test_a_backup_of_an_uninstalled_sync_stops_no_pass_of_one_that_goes_on_since(stage: Stage, backup: Path) -> None:
    stage.add("ada")
    stage.reconcile()
    undone = take_out(stage).done.pass_id
    back_up(stage, backup)
    assert undone
    undo(stage, undone)

    put_back(stage, backup)

    assert stage.reconcile()
