"""A person that Attio cannot show costs that person, in each kind of pass, and is synced again once it is mended."""

import logging

import pytest

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline_tests.passes.stage import Stage

HEALTHY = 30


def synced(stage: Stage, count: int = HEALTHY) -> list[Customer]:
    """Customers of one hour who are in Attio."""
    customers = stage.add_many(count)
    stage.reconcile()
    return customers


def break_person_of(stage: Stage, customer: Customer) -> str:
    person = stage.person_of(customer.id)
    assert person is not None
    stage.sandbox.attio.break_person(person.id)
    return person.id


def test_a_reconciliation_compares_all_others_and_creates_nobody_twice(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    customers = synced(stage)
    bad, changed, deleted = customers[7], customers[8], customers[29]
    broken = break_person_of(stage, bad)
    stage.sandbox.polar.update_customer(changed.id, external_id="user_1")
    stage.sandbox.polar.delete_customer(deleted.id)
    before = stage.sandbox.attio.people_count()

    with caplog.at_level(logging.WARNING, "polar_attio_pipeline.attio"):
        report = stage.reconcile()

    assert {one.customer_id: one.reason for one in report.notable if one.reason} == {bad.id: Reason.NOT_TAKEN}
    assert stage.sandbox.attio.people_count() == before
    updated = stage.person_of(changed.id)
    assert updated is not None
    assert updated.values["polar_external_id"] == "user_1"
    assert [person.customer_id for person in report.orphaned] == [deleted.id]
    assert "number 8 of its marked people" in caplog.text
    assert broken not in {person.record_id for person in report.orphaned}
    assert "@" not in caplog.text


def test_a_reconciliation_does_so_among_more_people_than_fit_a_page(stage: Stage) -> None:
    customers = synced(stage, 1100)
    for number in (0, 600, 1099):
        break_person_of(stage, customers[number])
    before = stage.sandbox.attio.people_count()

    report = stage.reconcile()

    assert {one.customer_id for one in report.notable} == {customers[number].id for number in (0, 600, 1099)}
    assert report.orphaned == []
    assert stage.sandbox.attio.people_count() == before


def test_a_preview_names_it_and_plans_nothing_for_it(stage: Stage) -> None:
    customers = synced(stage)
    break_person_of(stage, customers[3])

    preview = stage.preview()

    assert [(one.customer_id, one.reason) for one in preview.failed] == [(customers[3].id, Reason.NOT_TAKEN)]
    assert (preview.plans, preview.unchanged) == ([], HEALTHY - 1)


def test_a_person_typed_by_hand_that_cannot_be_shown_is_not_created_a_second_time(stage: Stage) -> None:
    customer = stage.add("ada")
    record_id = stage.sandbox.attio.add_person(emails=[customer.email or ""])
    stage.sandbox.attio.break_person(record_id)

    report = stage.reconcile()

    assert {one.reason for one in report.notable} == {Reason.NOT_TAKEN}
    assert [person.id for person in stage.sandbox.attio.people()] == [record_id]


def test_an_hourly_pass_writes_all_others(stage: Stage) -> None:
    customers = synced(stage)
    break_person_of(stage, customers[3])
    for one in customers:
        stage.sandbox.polar.update_customer(one.id, external_id=f"user of {one.id}")

    ran = stage.hourly()

    assert {key for key, one in ran.outcomes().items() if one.reason} == {customers[3].id}
    written = [one for one in stage.sandbox.attio.people() if one.values.get("polar_external_id")]
    assert len(written) == HEALTHY - 1


def test_after_it_is_mended_the_next_reconciliation_is_clean(stage: Stage) -> None:
    customers = synced(stage)
    record_id = break_person_of(stage, customers[3])
    stage.sandbox.polar.update_customer(customers[3].id, external_id="user_1")
    stage.reconcile()
    stage.sandbox.attio.mend_person(record_id)

    report = stage.reconcile()

    assert [one.customer_id for one in report.notable] == [customers[3].id]
    assert stage.sandbox.attio.person(record_id).values["polar_external_id"] == "user_1"
    assert stage.ledger.unresolved(limit=None) == []
    assert stage.reconcile().notable == []
