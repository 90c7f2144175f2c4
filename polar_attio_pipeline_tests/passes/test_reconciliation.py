import pytest

from polar_attio_pipeline.passes import reconciliation
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.ports import UnavailableError
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


def asked_of_polar(stage: Stage) -> tuple[int, int]:
    """How many pages of customers and exports Polar was asked for since the last call."""
    pages = stage.sandbox.traffic.count(service="polar", route="/v1/customers/")
    exports = stage.sandbox.traffic.count(service="polar", route="/v1/customers/export")
    stage.sandbox.traffic.reset()
    return pages, exports


def test_a_first_import_reads_pages_and_every_later_reconciliation_the_export(stage: Stage) -> None:
    customers = stage.add_many(250)

    first = stage.reconcile()
    pages, exports = asked_of_polar(stage)

    assert (first.counts[Result.CREATED], exports) == (250, 0)
    assert pages >= 3
    types = {one.values["polar_customer_type"] for one in stage.sandbox.attio.people()}
    assert types == {"individual"}, "the first import knows every type"

    second = stage.reconcile()

    assert (second.counts, asked_of_polar(stage)) == ({Result.UNCHANGED: len(customers)}, (3, 1))


def test_a_first_import_that_was_stopped_knows_every_type_when_it_is_begun_again(stage: Stage) -> None:
    stage.add_many(320)
    outage = stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio", skip=20))
    with pytest.raises(UnavailableError):
        stage.reconcile()
    stage.sandbox.faults.remove(outage)

    stage.reconcile()

    people = stage.sandbox.attio.people()
    assert len(people) == 320
    assert {one.values["polar_customer_type"] for one in people} == {"individual"}
    writes = stage.writes
    assert stage.reconcile().counts == {Result.UNCHANGED: 320}
    assert stage.writes == writes


def test_a_customer_who_is_new_in_the_export_comes_with_its_type_and_one_who_changed_keeps_it(stage: Stage) -> None:
    customers = stage.add_many(150)
    stage.reconcile()
    older = stage.add("older", hour=-30, type="individual")
    stage.sandbox.polar.update_customer(customers[0].id, name="Changed Name")

    report = stage.reconcile()

    assert (report.counts[Result.CREATED], report.counts[Result.UPDATED]) == (1, 1)
    for one in (older, customers[0]):
        person = stage.person_of(one.id)
        assert person is not None
        assert person.values["polar_customer_type"] == "individual"


def test_without_the_export_a_reconciliation_reads_pages(stage: Stage) -> None:
    stage.add_many(250)
    stage.reconcile()
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, service="polar", path="*/export"))
    asked_of_polar(stage)

    report = stage.reconcile()

    pages, exports = asked_of_polar(stage)
    assert report.counts == {Result.UNCHANGED: 250}
    assert exports >= 1
    assert pages >= 4
