"""What the UI shows of the history of a pass: customers, attributes, whose value it was; never a value."""

from polar_attio_pipeline_tests.conftest import RECONCILIATION, Pipeline


def test_a_reconciliation_shows_what_it_has_written_and_why_it_ran(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")
    pipeline.reconcile()

    shown = pipeline.recorded(RECONCILIATION)[""]

    assert shown["why it ran"].startswith("reconciliation: ")
    assert f"[{ada.id[:8]}](https://polar.sh/" in shown["written to Attio"]
    assert "| name | of the sync or another program |" in shown["written to Attio"]
    assert "King" not in str(shown)
    assert "example.com" not in str(shown)


def test_a_reconciliation_that_writes_nothing_says_so(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.reconcile()
    pipeline.reconcile()

    assert pipeline.recorded(RECONCILIATION)[""]["written to Attio"] == "none"
