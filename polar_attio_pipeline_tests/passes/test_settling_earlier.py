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
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import carry_out
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


def changed(key: str, old: Value | None, new: Value | None) -> WrittenValue:
    """A value that a program's key has written over another one."""
    return WrittenValue(key, old, "api-token" if old is not None else None, new)


def written_later(
    stage: Stage, customer_id: str | None, record_id: str, value: WrittenValue, *, answered: bool = True
) -> None:
    """Write something to a person as a later pass does, which has found the old value."""
    new: object = [] if value.new is None else value.new
    stage.sandbox.attio.edit_person(record_id, {value.key: new}, actor="api-token")
    with stage.ledger.recording("later") as recorder:
        if answered:
            carry_out(recorder, Write(customer_id, record_id, (value,), execution_id="x-1"))
        else:
            recorder.intend([Intent(customer_id, record_id, (value,))])


def forget_history(stage: Stage) -> None:
    """Let no pass have put its writes on record."""
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM changes"))


def values_of(stage: Stage, key: str) -> list[tuple[str, object]]:
    """What the history has of an attribute, with the passes, in its order."""
    return [(row.pass_id, row.new_value) for row in stage.ledger.all_changes() if row.attribute == key]


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
    forget_history(stage)
    intended(stage, ada.id, None, email_addresses="ada@example.com", polar_customer_id=ada.id, polar_customer=True)

    stage.hourly()

    assert {(row.record_id, row.attribute, row.action) for row in claimed(stage)} == {
        (record_id, key, "create") for key in ("email_addresses", "polar_customer_id", "polar_customer")
    }


def test_a_new_person_whose_id_somebody_has_typed_over_is_found_by_the_address(stage: Stage) -> None:
    ada, record_id = known(stage)
    forget_history(stage)
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
    forget_history(stage)
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


MARK = "polar_customer"
BOB = "b0b00000-0000-4000-8000-000000000000"


def made_without_an_answer(stage: Stage) -> tuple[str, str]:
    """A customer whose person was made by a pass that was killed before it knew; and the person's record id."""
    ada, record_id = known(stage)
    forget_history(stage)
    intended(stage, ada.id, None, email_addresses="ada@example.com", polar_customer_id=ada.id, polar_customer=True)
    return ada.id, record_id


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("marks", [[False], [False, True], [False, True, False]])
def test_a_new_person_whom_later_passes_have_written_again_was_made_as_it_was_intended(
    stage: Stage, marks: list[bool], answered: bool
) -> None:
    ada, record_id = made_without_an_answer(stage)
    for mark in marks:
        written_later(stage, ada, record_id, changed(MARK, not mark, mark), answered=answered)

    stage.hourly(5)

    assert {(row.record_id, row.attribute, row.action) for row in claimed(stage)} == {
        (record_id, key, "create") for key in ("email_addresses", "polar_customer_id", MARK)
    }
    assert values_of(stage, MARK) == [("killed", True), *(("later", mark) for mark in marks)]
    assert stage.ledger.unsettled() == []


@pytest.mark.parametrize("answered", [True, False])
def test_a_new_person_whom_another_customer_has_taken_over_was_made_as_it_was_intended(
    stage: Stage, answered: bool
) -> None:
    ada, record_id = made_without_an_answer(stage)
    written_later(stage, BOB, record_id, changed("polar_customer_id", ada, BOB), answered=answered)

    stage.hourly(5)

    assert values_of(stage, "polar_customer_id") == [("killed", ada), ("later", BOB)]
    assert len(claimed(stage)) == 3


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("who", ["the same", "another"])
@pytest.mark.parametrize("new", ["x-2", None])
def test_an_update_that_a_later_one_has_written_over_is_on_record_before_it(
    stage: Stage, who: str, new: str | None, answered: bool
) -> None:
    ada, record_id = known(stage)
    intended(stage, ada.id, record_id, polar_external_id="x-1", polar_type="team")
    stage.sandbox.polar.update_customer(ada.id, external_id=new)
    later = ada.id if who == "the same" else BOB
    written_later(stage, later, record_id, changed("polar_external_id", "x-1", new), answered=answered)

    stage.hourly(5)

    assert values_of(stage, "polar_external_id") == [("killed", "x-1"), ("later", new)]
    assert stage.ledger.unsettled() == []


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("who", ["the same", "another"])
def test_an_update_that_was_made_only_when_it_was_intended_again_is_on_record_once(
    stage: Stage, who: str, answered: bool
) -> None:
    ada, record_id = known(stage)
    intended(stage, ada.id, record_id, polar_external_id="x-1")
    later = ada.id if who == "the same" else BOB
    written_later(stage, later, record_id, changed("polar_external_id", None, "x-1"), answered=answered)

    stage.hourly(5)

    assert values_of(stage, "polar_external_id") == [("later", "x-1")]
    assert stage.ledger.unsettled() == []


def test_a_value_that_was_cleared_and_written_again_since_was_cleared(stage: Stage) -> None:
    ada, record_id = known(stage)
    with stage.ledger.recording("killed") as recorder:
        cleared = WrittenValue("polar_external_id", "x-0", "api-token", None)
        recorder.intend([Intent(ada.id, record_id, (cleared,))])
    written_later(stage, ada.id, record_id, changed("polar_external_id", None, "x-1"))

    stage.hourly(5)

    assert values_of(stage, "polar_external_id") == [("killed", None), ("later", "x-1")]


def test_a_later_row_that_cannot_be_read_stops_no_pass(stage: Stage) -> None:
    ada, record_id = made_without_an_answer(stage)
    written_later(stage, ada, record_id, changed(MARK, True, False))
    with stage.ledger._database.writing() as connection:
        connection.execute(sa.text("UPDATE changes SET old_value = '{'"))

    stage.hourly(5)

    assert {row.attribute for row in claimed(stage)} == {"email_addresses", "polar_customer_id"}


def test_a_company_that_a_later_pass_has_written_again_was_made_as_it_was_intended(stage: Stage) -> None:
    companies = Companies(stage)
    companies.customer("ada@acme.com", mrr=500)
    companies.whole()
    company = companies.of("acme.com").id
    forget_history(stage)
    intended(stage, None, None, "companies", domains="acme.com", polar_customer=True)
    with stage.ledger.recording("later") as recorder:
        unmarked = WrittenValue(MARK, True, "api-token", False)
        carry_out(recorder, Write(None, company, (unmarked,), "companies", execution_id="x-1"))
    companies.edit(company, {MARK: False}, actor="api-token")

    companies.run()

    assert [(row.record_id, row.attribute) for row in claimed(stage)] == [(company, "domains"), (company, MARK)]
    assert values_of(stage, MARK)[:2] == [("killed", True), ("later", False)]


def test_a_new_person_who_is_unmarked_while_nobody_can_search_for_it_is_on_record_as_made_and_unmarked(
    stage: Stage,
) -> None:
    stage.rules = replace(stage.rules, unmark_orphaned=True, unmark_max_share=1)
    known(stage, "bob")
    ada, record_id = made_without_an_answer(stage)
    stage.sandbox.polar.delete_customer(ada)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, path=SEARCHES, contains=ada, status=500))
    stage.reconcile()
    assert [new for _, new in values_of(stage, MARK)] == [False]
    stage.sandbox.faults.clear()

    stage.hourly(5)

    assert [new for _, new in values_of(stage, MARK)] == [True, False]
    assert {row.record_id for row in claimed(stage)} == {record_id}
    assert len(claimed(stage)) == 3


def test_a_new_person_whom_another_customer_takes_over_while_nobody_can_search_for_it_is_on_record_as_made(
    stage: Stage,
) -> None:
    ada, record_id = made_without_an_answer(stage)
    stage.sandbox.polar.delete_customer(ada)
    again = stage.add("ada", hour=1)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, path=SEARCHES, contains=ada, status=500))
    stage.hourly(1)
    assert [new for _, new in values_of(stage, "polar_customer_id")] == [again.id]
    stage.sandbox.faults.clear()

    stage.hourly(5)

    assert [new for _, new in values_of(stage, "polar_customer_id")] == [ada, again.id]
    assert {row.record_id for row in claimed(stage)} == {record_id}
