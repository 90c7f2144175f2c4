import pytest

from polar_attio_pipeline.passes import reconciliation
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.passes.stage import Stage


def test_a_report_names_some_of_each_result_and_counts_all(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "MOST_NOTABLE", 2)
    stage.add_many(5)
    for without_owner in ("team-a", "team-b", "team-c"):
        stage.add(without_owner, email=None, type="team")
    report = stage.reconcile()
    assert [one.result for one in report.notable].count(Result.CREATED) == 2
    assert [one.result for one in report.notable].count(Result.REJECTED) == 2
    assert report.notable_count == 8
    assert len(stage.ledger.unresolved(limit=None)) == 3
    assert stage.reconcile().counts[Result.UNCHANGED] == 5
