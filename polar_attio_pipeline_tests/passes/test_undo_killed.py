"""An undo that is killed at any of its writes, and run again, ends where one ends that was not killed."""

import pytest

from polar_attio_pipeline.sync.undo.values import Verdict
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import killed_at, living_in, newest_pass, undo, workspace

WRITES = 3
"""Of the undo: the values of two people, and the address of one of them."""


def change_customers(stage: Stage) -> None:
    """Have two people in Attio whose customers have changed since the newest pass."""
    customers = []
    for name in ("ada", "bob"):
        stage.sandbox.attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example")
        customers.append(stage.add(name, **living_in("DE")))
    stage.reconcile()
    for customer in customers:
        stage.sandbox.polar.update_customer(customer.id, **living_in("FR"))
    stage.sandbox.polar.update_customer(customers[0].id, email="new-ada@example.com")


@pytest.mark.parametrize("carried_out", [False, True], ids=["before it was sent", "before it was answered"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_killed_at_any_write_and_run_again_it_ends_in_the_same_state(
    stage: Stage, write: int, carried_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_customers(stage)
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    name = newest_pass(stage)
    full, writes = workspace(stage.sandbox.attio), stage.writes

    with killed_at(write, carried_out=carried_out, monkeypatch=monkeypatch):
        undo(stage, name)
    assert (workspace(stage.sandbox.attio) == full) is (stage.writes == writes)
    taken = undo(stage, name)

    assert workspace(stage.sandbox.attio) == before
    assert taken.done.left == 0
    assert stage.writes - writes == WRITES, "no value was written twice"
    assert undo(stage, name).kinds() == {Verdict.ALREADY_BACK}
