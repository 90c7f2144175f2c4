"""What a pass makes of writes that an earlier one has left without an answer: it asks Attio, and claims no more."""

import logging
from dataclasses import replace

import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import ChangeRow
from polar_attio_pipeline.ledger.schema import INTENTS
from polar_attio_pipeline.passes.guards import WORKSPACE_FACT, GuardError
from polar_attio_pipeline.passes.hourly import HoursNotDoneError
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline.sync.records import Value
from polar_attio_pipeline.sync.writes import WrittenValue
from polar_attio_pipeline_tests.passes.company_stage import Companies
from polar_attio_pipeline_tests.passes.stage import Stage

SEARCHES = "/v2/objects/people/records/query"
ANY_SEARCH = "/v2/objects/{object}/records/query"
RECORDS = "*/records/*"


def intended(
    stage: Stage, customer_id: str | None, record_id: str | None, object_slug: str = "people", **new: Value
) -> None:
    """Leave a write on record as a pass does that is killed before it knows more."""
    values = tuple(WrittenValue(key, None, None, value) for key, value in new.items())
    with stage.ledger.recording("killed") as recorder:
        recorder.intend([Intent(customer_id, record_id, values, object_slug)])


def claimed(stage: Stage) -> list[ChangeRow]:
    return stage.ledger.changes_of_pass("killed")


def searches(stage: Stage) -> int:
    return stage.sandbox.traffic.count(service="attio", route=ANY_SEARCH)


def known(stage: Stage, who: str = "ada") -> tuple[Customer, str]:
    """A customer whom a pass has brought to Attio, and the person's record id."""
    customer = stage.add(who)
    stage.reconcile()
    person = stage.person_of(customer.id)
    assert person
    return customer, person.id


def test_what_attio_holds_goes_into_the_history_of_the_pass_that_intended_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    customer, record_id = known(stage)
    stage.sandbox.attio.edit_person(record_id, {"polar_external_id": "x-1"}, actor="api-token")
    stage.sandbox.polar.update_customer(customer.id, external_id="x-1")
    intended(stage, customer.id, record_id, polar_external_id="x-1", polar_country="GB")

    with caplog.at_level(logging.INFO):
        stage.hourly()

    assert [(row.attribute, row.new_value, row.action, row.execution_id) for row in claimed(stage)] == [
        ("polar_external_id", "x-1", "update", None)
    ]
    assert stage.ledger.unsettled() == []
    assert "Of 1 writes whose answer an earlier pass did not see, Attio has carried out 1," in caplog.text


def test_a_person_who_was_made_without_an_answer_is_found_by_the_id_of_the_customer(stage: Stage) -> None:
    ada, record_id = known(stage)
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM changes"))
    intended(stage, ada.id, None, email_addresses="ada@example.com", polar_customer_id=ada.id, polar_customer=True)

    stage.hourly()

    assert {(row.record_id, row.attribute, row.action) for row in claimed(stage)} == {
        (record_id, key, "create") for key in ("email_addresses", "polar_customer_id", "polar_customer")
    }


def test_a_new_person_whose_id_somebody_has_typed_over_is_found_by_the_address(stage: Stage) -> None:
    ada, record_id = known(stage)
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM changes"))
    intended(stage, ada.id, None, email_addresses="Ada@example.com", polar_customer_id=ada.id, polar_customer=True)
    stage.sandbox.attio.edit_person(record_id, {"polar_customer_id": "typed"})

    stage.hourly(5)

    assert {(row.record_id, row.attribute) for row in claimed(stage)} == {
        (record_id, "email_addresses"),
        (record_id, "polar_customer"),
    }


@pytest.mark.parametrize("first", ["ada", "bob"])
def test_a_person_was_made_for_one_customer_although_the_address_of_another_has_joined_it(
    stage: Stage, first: str
) -> None:
    ada, record_id = known(stage)
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM changes"))
    stage.sandbox.attio.edit_person(record_id, {"email_addresses": ["ada@example.com", "bob@example.com"]})
    ids = {"ada": ada.id, "bob": "b0b00000-0000-4000-8000-000000000000"}
    for who in sorted(ids, reverse=first == "bob"):
        one = ids[who]
        intended(stage, one, None, email_addresses=f"{who}@example.com", polar_customer_id=one, polar_customer=True)

    stage.hourly(5)

    assert {row.polar_customer_id for row in claimed(stage)} == {ada.id}
    assert len(claimed(stage)) == 3


def test_a_person_whom_an_earlier_pass_has_made_is_not_made_again(stage: Stage) -> None:
    ada, _ = known(stage)
    intended(stage, ada.id, None, email_addresses="ada@example.com", polar_customer_id=ada.id)

    stage.hourly()

    assert claimed(stage) == []
    assert stage.ledger.unsettled() == []


def test_what_somebody_has_typed_is_not_claimed(stage: Stage) -> None:
    customer, record_id = known(stage)
    stage.sandbox.attio.edit_person(record_id, {"polar_external_id": "x-1"})
    intended(stage, customer.id, record_id, polar_external_id="x-1")

    stage.hourly()

    assert (claimed(stage), stage.ledger.unsettled()) == ([], [])


def test_nothing_is_asked_where_nothing_is_left(stage: Stage) -> None:
    known(stage)
    before = searches(stage)

    stage.hourly(5)

    assert searches(stage) == before


def test_everything_that_is_left_is_asked_for_at_once(stage: Stage) -> None:
    known(stage)
    for number in range(100):
        intended(stage, f"c-{number}", None, email_addresses=f"c-{number}@example.com", polar_customer_id=f"c-{number}")
    before = searches(stage)

    stage.hourly(5)

    assert searches(stage) == before + 1
    assert stage.ledger.unsettled() == []


def test_where_attio_cannot_be_searched_everything_waits_and_the_pass_goes_on_by_its_own_rules(stage: Stage) -> None:
    customer, record_id = known(stage)
    intended(stage, customer.id, record_id, polar_external_id="x-1")
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, path=SEARCHES, status=503))

    with pytest.raises(HoursNotDoneError, match="Some searches for people failed"):
        stage.hourly()

    assert len(stage.ledger.unsettled()) == 1
    assert stage.ledger.of_customers([customer.id])[customer.id].reason == Reason.NOT_TAKEN
    stage.sandbox.faults.clear()
    stage.hourly()
    assert stage.ledger.unsettled() == []


def test_one_record_that_attio_fails_for_waits_alone_and_stops_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    (ada, of_ada), (bob, of_bob) = known(stage, "ada"), known(stage, "bob")
    for customer, record_id in ((ada, of_ada), (bob, of_bob)):
        stage.sandbox.attio.edit_person(record_id, {"polar_external_id": "x-1"}, actor="api-token")
        intended(stage, customer.id, record_id, polar_external_id="x-1")
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, path=SEARCHES, contains=of_ada, status=500))

    with caplog.at_level(logging.INFO):
        stage.hourly(5)

    assert [row.record_id for row in claimed(stage)] == [of_bob]
    assert [intent.record_id for _, intent in stage.ledger.unsettled()] == [of_ada]
    assert "Attio has carried out 1, which the history has now; 1 could not be looked up" in caplog.text

    stage.sandbox.faults.clear()
    stage.hourly(5)
    assert {row.record_id for row in claimed(stage)} == {of_ada, of_bob}


@pytest.mark.parametrize("status", [502, 503, 504])
def test_one_record_for_which_a_gateway_fails_for_good_waits_alone_and_stops_nothing(stage: Stage, status: int) -> None:
    left = [known(stage, name) for name in ("ada", "bob", "eve", "kim")]
    for customer, record_id in left:
        stage.sandbox.attio.edit_person(record_id, {"polar_external_id": "x-1"}, actor="api-token")
        intended(stage, customer.id, record_id, polar_external_id="x-1")
    bad, *good = [record_id for _, record_id in left]
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, path=SEARCHES, contains=bad, status=status))
    stage.add("new")

    stage.hourly(5)

    assert {row.record_id for row in claimed(stage)} == {*good}
    assert [intent.record_id for _, intent in stage.ledger.unsettled()] == [bad]
    stage.sandbox.faults.clear()
    stage.hourly(5)
    assert {row.record_id for row in claimed(stage)} == {bad, *good}


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_written(stage: Stage, status: int) -> None:
    customer, record_id = known(stage)
    before = len(stage.ledger.all_changes())
    stage.sandbox.polar.update_customer(customer.id, name="Ada Lovelace")
    stage.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, path=RECORDS, method="PATCH", times=1))
    stage.sandbox.faults.add(Fault(kind=Kind.REFUSE, path=RECORDS, method="PATCH", skip=1, status=status))
    stage.hourly()
    assert [intent.record_id for _, intent in stage.ledger.unsettled()] == [record_id]
    stage.sandbox.faults.clear()

    stage.hourly(5)

    assert stage.ledger.unsettled() == []
    assert [row.attribute for row in stage.ledger.all_changes()[before:]] == ["name"]


def test_in_another_workspace_nothing_is_looked_up_and_nothing_dropped(stage: Stage) -> None:
    customer, record_id = known(stage)
    intended(stage, customer.id, record_id, polar_external_id="x-1")
    stage.ledger.set_fact(WORKSPACE_FACT, "another")
    before = searches(stage)

    with pytest.raises(GuardError):
        stage.hourly()

    assert searches(stage) == before
    assert len(stage.ledger.unsettled()) == 1


def test_a_write_that_never_had_an_answer_is_on_record_after_the_next_pass_and_once(stage: Stage) -> None:
    customer, _ = known(stage)
    stage.sandbox.polar.update_customer(customer.id, external_id="x-1")
    stage.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, method="PATCH", path=RECORDS))
    stage.hourly()
    stage.sandbox.faults.clear()

    for _ in range(2):
        stage.hourly()

    rows = stage.ledger.changes_of_customer(customer.id)
    assert [row.new_value for row in rows if row.attribute == "polar_external_id"] == ["x-1"]


def test_what_was_intended_for_a_company_waits_for_a_pass_over_companies(stage: Stage) -> None:
    companies = Companies(stage)
    customer = companies.customer("ada@acme.com", mrr=500)
    stage.rules = replace(stage.rules)
    companies.whole()
    company = companies.of("acme.com")
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM changes WHERE object = 'companies'"))
    intended(stage, None, None, "companies", domains="acme.com", polar_customer=True)

    stage.reconcile()
    assert len(stage.ledger.unsettled()) == 1
    companies.run()

    assert [(row.object, row.record_id, row.attribute, row.action) for row in claimed(stage)] == [
        ("companies", company.id, "domains", "create"),
        ("companies", company.id, "polar_customer", "create"),
    ]
    assert companies.company_of(customer)[0] == company.id


def test_a_row_that_cannot_be_read_stops_no_pass(stage: Stage) -> None:
    customer, record_id = known(stage)
    intended(stage, customer.id, record_id, polar_external_id="x-1")
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.update(INTENTS).values(content="{"))

    assert stage.hourly().outcomes().keys() == {customer.id}
