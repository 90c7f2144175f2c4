"""A pass is taken back: what it wrote is as it was, what anybody has changed since stays, and all of it is named."""

from datetime import timedelta
from typing import Any

import pytest

from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.undo import UndoError, undo_pass
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.health import ServiceDownError
from polar_attio_pipeline.sync.undo.values import WRITES, Verdict
from polar_attio_pipeline_tests.passes.company_stage import Companies
from polar_attio_pipeline_tests.passes.listening import Heard
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Stage
from polar_attio_pipeline_tests.passes.undoing import living_in, newest_pass, undo, workspace


def known(stage: Stage, *names: str, **fields: Any) -> list[Customer]:
    """Customers whose people a person has typed into Attio before: name@example.com."""
    for name in names:
        stage.sandbox.attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example")
    return [stage.add(name, **fields) for name in names]


def record_of(stage: Stage, name: str) -> str:
    (found,) = (one.id for one in stage.sandbox.attio.people() if f"{name}@example.com" in one.emails)
    return found


def held(stage: Stage, name: str, key: str) -> Any:
    return stage.sandbox.attio.person(record_of(stage, name)).values.get(key)


def change(stage: Stage, customer: Customer, **fields: Any) -> None:
    stage.sandbox.polar.update_customer(customer.id, **fields)


def test_everything_that_a_pass_wrote_is_as_it_was_before(stage: Stage) -> None:
    known(stage, "ada", "bob", "cleo", external_id=None, metadata={})
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    assert workspace(stage.sandbox.attio) != before

    taken = undo(stage)

    assert workspace(stage.sandbox.attio) == before
    assert taken.kinds() == {Verdict.CLEARED}
    assert taken.done.left == 0


def test_values_of_every_type_that_a_pass_changed_come_back(stage: Stage) -> None:
    stage.map(
        tier={"from": "metadata.tier"},
        seats={"from": "metadata.seats", "type": "number"},
        beta={"from": "metadata.beta", "type": "checkbox"},
        renewal={"from": "metadata.renewal", "type": "date"},
        signed_at={"from": "metadata.signed", "type": "timestamp"},
        level={"from": "metadata.level", "type": "select", "options": ["Gold", "Silver"]},
    )
    first = {"tier": "pro", "seats": 2.5, "beta": "true", "renewal": "2026-12-24", "level": "Gold"}
    second = {"tier": "free", "seats": 3, "beta": "false", "renewal": "2027-01-31", "level": "Silver"}
    (ada,) = known(stage, "ada", metadata={**first, "signed": "2026-11-30T12:00:00Z"})
    product = stage.sandbox.polar.billing.product("Pro", amount=1999)
    subscription = stage.sandbox.polar.billing.subscribe(ada.id, product, at=stage.here)
    stage.reconcile()
    before = workspace(stage.sandbox.attio)
    change(stage, ada, name="Ada Lovelace", metadata={**second, "signed": "2026-11-30T13:00:00Z"})
    stage.sandbox.polar.billing.revoke(subscription.id)
    stage.reconcile()
    written = {row.attribute for row in stage.ledger.changes_of_pass(newest_pass(stage))}

    taken = undo(stage)

    assert workspace(stage.sandbox.attio) == before
    assert {"tier", "seats", "beta", "renewal", "signed_at", "level", "polar_mrr", "polar_status"} <= written
    assert {item.key for item in taken.items if item.verdict in WRITES} == written


def test_what_people_other_apps_and_attio_changed_since_stays_and_is_named(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"), external_id="x-1")
    stage.reconcile()
    ada = record_of(stage, "ada")
    edit = stage.sandbox.attio.edit_person
    edit(ada, {"polar_country": "typed"})
    edit(ada, {"polar_external_id": "of an app"}, "app")
    edit(ada, {"polar_customer_url": "enriched"}, "system")
    edit(ada, {"polar_customer_type": "of a key"}, "api-token")
    stage.sandbox.attio.clear_value(ada, "polar_status")

    taken = undo(stage)

    kept = {key: held(stage, "ada", key) for key in ("polar_country", "polar_external_id", "polar_customer_url")}
    assert kept == {"polar_country": "typed", "polar_external_id": "of an app", "polar_customer_url": "enriched"}
    assert held(stage, "ada", "polar_customer_type") == "of a key"
    for key, by in {
        "polar_country": "workspace member",
        "polar_external_id": "Another app",
        "polar_customer_url": "Attio itself",
        "polar_customer_type": "API key",
    }.items():
        item = taken.of(ada, key)
        assert item.verdict is Verdict.CHANGED
        assert by in item.detail
    assert taken.of(ada, "polar_status").verdict is Verdict.ALREADY_BACK, "it was empty before the pass as well"
    assert held(stage, "ada", "polar_customer_id") is None
    assert taken.done.left == 4


def test_a_person_who_typed_the_same_value_owns_it_now(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    stage.sandbox.attio.edit_person(record_of(stage, "ada"), {"polar_country": "DE"})

    taken = undo(stage)

    assert held(stage, "ada", "polar_country") == "DE"
    assert taken.of(record_of(stage, "ada"), "polar_country").verdict is Verdict.CHANGED


def test_a_second_undo_writes_nothing(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    name = newest_pass(stage)
    undo(stage, name)
    writes = stage.writes

    taken = undo(stage, name)

    assert stage.writes == writes
    assert taken.kinds() == {Verdict.ALREADY_BACK}
    assert (taken.done.written, taken.done.left) == (0, 0)


def test_an_undo_is_a_pass_on_record_and_can_be_undone_again_and_again(stage: Stage) -> None:
    known(stage, "ada", "bob")
    empty = workspace(stage.sandbox.attio)
    stage.reconcile()
    full, first = workspace(stage.sandbox.attio), newest_pass(stage)

    undo(stage, first)
    second = stage.ledger.newest_passes(1)[0]
    assert (second.kind, second.ended) == ("undo", "finished")
    assert first in second.reason
    assert workspace(stage.sandbox.attio) == empty

    undo(stage, second.pass_id)
    third = newest_pass(stage)
    assert workspace(stage.sandbox.attio) == full

    undo(stage, third)
    assert workspace(stage.sandbox.attio) == empty
    undo(stage, newest_pass(stage))
    assert workspace(stage.sandbox.attio) == full
    undo(stage, first)
    assert workspace(stage.sandbox.attio) == empty, "the first pass is in force again, so it can be taken back again"


def test_a_pass_after_an_undo_of_an_undo_has_nothing_to_write(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    undo(stage)
    undo(stage)
    writes = stage.writes

    stage.reconcile()

    assert stage.writes == writes


def test_the_history_of_an_undo_says_what_was_there_and_what_was_put_back(stage: Stage) -> None:
    (ada,) = known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    change(stage, ada, **living_in("FR"))
    stage.reconcile()

    undo(stage)

    (row,) = stage.ledger.changes_of_pass(newest_pass(stage))
    assert (row.attribute, row.old_value, row.old_actor, row.new_value) == ("polar_country", "FR", "api-token", "DE")
    assert (row.polar_customer_id, row.object, row.action) == (ada.id, "people", "update")


def test_what_a_later_pass_wrote_stays_and_the_pass_is_named(stage: Stage) -> None:
    (ada,) = known(stage, "ada", **living_in("DE"), external_id="x-1")
    stage.reconcile()
    first = newest_pass(stage)
    change(stage, ada, **living_in("FR"))
    stage.reconcile()
    second = newest_pass(stage)

    taken = undo(stage, first)

    item = taken.of(record_of(stage, "ada"), "polar_country")
    assert item.verdict is Verdict.WRITTEN_AGAIN
    assert second in item.detail
    assert held(stage, "ada", "polar_country") == "FR"
    assert held(stage, "ada", "polar_external_id") is None


def test_passes_are_taken_back_one_after_the_other_the_newest_first(stage: Stage) -> None:
    (ada,) = known(stage, "ada", **living_in("DE"))
    before = workspace(stage.sandbox.attio)
    names = []
    for country in ("DE", "FR", "IT"):
        change(stage, ada, **living_in(country))
        stage.reconcile()
        names.append(newest_pass(stage))

    taken = [undo(stage, name) for name in reversed(names)]

    assert workspace(stage.sandbox.attio) == before
    assert [one.done.left for one in taken] == [0, 0, 0]


def test_a_pass_that_wrote_the_same_again_after_an_undo_owns_the_value(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    first = newest_pass(stage)
    undo(stage, first)
    stage.reconcile()
    again = newest_pass(stage)

    taken = undo(stage, first)

    assert held(stage, "ada", "polar_country") == "DE"
    assert taken.kinds() == {Verdict.WRITTEN_AGAIN}
    assert all(again in item.detail for item in taken.items)


def test_one_customer_is_taken_back_and_no_other(stage: Stage) -> None:
    ada, _ = known(stage, "ada", "bob")
    stage.reconcile()

    undo(stage, customers=(ada.id,))

    assert held(stage, "ada", "polar_customer_id") is None
    assert held(stage, "bob", "polar_customer_id") is not None


def test_one_attribute_is_taken_back_and_no_other(stage: Stage) -> None:
    known(stage, "ada", "bob", **living_in("DE"))
    stage.reconcile()

    taken = undo(stage, attributes=("polar_country",))

    assert [held(stage, name, "polar_country") for name in ("ada", "bob")] == [None, None]
    assert held(stage, "ada", "polar_customer_id") is not None
    assert {item.key for item in taken.items} == {"polar_country"}


def test_parts_that_a_pass_did_not_write_are_refused_before_the_first_write(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    writes = stage.writes

    with pytest.raises(UndoError, match=r"did not write the attribute polar_mmr: it wrote .*polar_customer"):
        undo(stage, attributes=("polar_mmr",))
    with pytest.raises(UndoError, match="wrote nothing for the customer nobody"):
        undo(stage, customers=("nobody",))
    assert stage.writes == writes


def test_people_whom_the_pass_made_are_named_and_not_touched(stage: Stage) -> None:
    stage.add("ada")
    stage.reconcile()
    before, writes = workspace(stage.sandbox.attio), stage.writes

    taken = undo(stage)

    assert (workspace(stage.sandbox.attio), stage.writes) == (before, writes)
    (item,) = taken.items
    assert item.verdict is Verdict.CREATED
    assert item.url == stage.sandbox.attio.person(record_of(stage, "ada")).url
    assert taken.done.left == 1


def test_on_demand_people_whom_the_pass_made_keep_their_name_and_address_alone(stage: Stage) -> None:
    stage.add("ada", **living_in("DE"))
    stage.reconcile()
    full = workspace(stage.sandbox.attio)

    taken = undo(stage, clear_created=True)

    ada = stage.sandbox.attio.person(record_of(stage, "ada"))
    assert ada.name == "Ada Example"
    assert not any(key.startswith("polar_") for key in ada.values)
    assert taken.kinds() == {Verdict.CREATED, Verdict.CLEARED}
    assert taken.done.left == 0
    undo(stage)
    assert workspace(stage.sandbox.attio) == full


def test_a_person_whom_the_pass_made_and_somebody_deleted_is_as_before(stage: Stage) -> None:
    stage.add("ada")
    stage.reconcile()
    stage.sandbox.attio.delete(record_of(stage, "ada"))

    taken = undo(stage)

    assert taken.kinds() == {Verdict.ALREADY_BACK}


def test_a_record_that_was_deleted_or_merged_is_named_and_costs_itself_only(stage: Stage) -> None:
    known(stage, "ada", "bob", "cleo", "dora")
    stage.reconcile()
    ada, bob, cleo = (record_of(stage, name) for name in ("ada", "bob", "cleo"))
    stage.sandbox.attio.delete(ada)
    stage.sandbox.attio.merge(bob, cleo)

    taken = undo(stage)

    assert {item.record_id for item in taken.items if item.verdict is Verdict.GONE} == {ada, bob, cleo}
    assert held(stage, "dora", "polar_customer_id") is None


def test_an_address_that_a_pass_added_is_taken_off_and_all_others_stay_in_their_order(stage: Stage) -> None:
    (ada,) = known(stage, "ada")
    stage.reconcile()
    record = record_of(stage, "ada")
    before = workspace(stage.sandbox.attio)
    change(stage, ada, email="Ada.New@example.com")
    stage.reconcile()
    assert stage.sandbox.attio.person(record).emails == ("ada.new@example.com", "ada@example.com")
    full = workspace(stage.sandbox.attio)

    undo(stage)
    assert workspace(stage.sandbox.attio) == before
    (row,) = stage.ledger.changes_of_pass(newest_pass(stage))
    assert (row.old_value, row.new_value) == (("ada.new@example.com", "ada@example.com"), ("ada@example.com",))

    undo(stage)
    emails = {slug: held for slug, held in workspace(stage.sandbox.attio)[record].items() if slug == "email_addresses"}
    assert [one["email_address"] for one in emails["email_addresses"]] == ["ada.new@example.com", "ada@example.com"]
    assert full.keys() == workspace(stage.sandbox.attio).keys()


def test_addresses_that_people_added_since_stay(stage: Stage) -> None:
    (ada,) = known(stage, "ada")
    stage.reconcile()
    change(stage, ada, email="new@example.com")
    stage.reconcile()
    record = record_of(stage, "ada")
    emails = ["typed@example.com", "new@example.com", "ada@example.com", "last@example.com"]
    stage.sandbox.attio.edit_person(record, {"email_addresses": emails})

    undo(stage)

    assert stage.sandbox.attio.person(record).emails == ("typed@example.com", "ada@example.com", "last@example.com")


def test_the_only_address_of_a_person_stays(stage: Stage) -> None:
    (ada,) = known(stage, "ada")
    stage.reconcile()
    change(stage, ada, email="new@example.com")
    stage.reconcile()
    record = record_of(stage, "ada")
    stage.sandbox.attio.edit_person(record, {"email_addresses": ["new@example.com"]})

    taken = undo(stage)

    assert taken.of(record, "email_addresses").verdict is Verdict.ONLY_ADDRESS
    assert stage.sandbox.attio.person(record).emails == ("new@example.com",)


def test_an_address_that_somebody_took_off_is_as_before(stage: Stage) -> None:
    (ada,) = known(stage, "ada")
    stage.reconcile()
    change(stage, ada, email="new@example.com")
    stage.reconcile()
    record = record_of(stage, "ada")
    stage.sandbox.attio.edit_person(record, {"email_addresses": ["ada@example.com"]})

    assert undo(stage).of(record, "email_addresses").verdict is Verdict.ALREADY_BACK


def test_an_address_that_another_person_has_by_now_is_not_given_back(stage: Stage) -> None:
    (ada,) = known(stage, "ada")
    stage.reconcile()
    change(stage, ada, email="new@example.com")
    stage.reconcile()
    record = record_of(stage, "ada")
    undo(stage)
    stage.sandbox.attio.add_person(emails=["new@example.com"])

    taken = undo(stage)

    item = taken.of(record, "email_addresses")
    assert (item.verdict, item.detail) == (Verdict.REFUSED, "Another record holds the address by now.")


def test_an_option_that_is_no_longer_there_costs_its_value_and_no_other(stage: Stage) -> None:
    stage.map(level={"from": "metadata.level", "type": "select", "options": ["Gold", "Silver"]})
    (ada,) = known(stage, "ada", **living_in("DE"), metadata={"level": "Gold"})
    stage.reconcile()
    change(stage, ada, **living_in("FR"), metadata={"level": "Silver"})
    stage.reconcile()
    stage.sandbox.attio.archive_option("level", "Gold")

    taken = undo(stage)

    item = taken.of(record_of(stage, "ada"), "level")
    assert item.verdict is Verdict.NOT_WRITABLE
    assert "option" in item.detail
    assert held(stage, "ada", "polar_country") == "DE"


def test_an_attribute_that_is_no_longer_there_is_named_and_costs_itself_only(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    stage.sandbox.attio.archive_attribute("polar_country")

    taken = undo(stage)

    item = taken.of(record_of(stage, "ada"), "polar_country")
    assert item.verdict is Verdict.NOT_WRITABLE
    assert "no such attribute any more" in item.detail
    assert held(stage, "ada", "polar_customer_id") is None


@pytest.mark.parametrize("code", ["value_not_found", "validation_type"])
def test_a_value_that_attio_refuses_costs_that_value_alone(stage: Stage, code: str) -> None:
    (ada,) = known(stage, "ada", **living_in("DE"), external_id="spoilt")
    stage.reconcile()
    change(stage, ada, **living_in("FR"), external_id="x-2")
    stage.reconcile()
    refusal = Fault(
        kind=Kind.REFUSE, service="attio", method="PATCH", path=f"{PEOPLE}/*", contains="spoilt", status=400, code=code
    )
    stage.sandbox.faults.add(refusal)

    taken = undo(stage)

    assert taken.of(record_of(stage, "ada"), "polar_external_id").verdict is Verdict.REFUSED
    assert taken.of(record_of(stage, "ada"), "polar_country").verdict is Verdict.PUT_BACK
    assert held(stage, "ada", "polar_country") == "DE"


def test_a_record_that_attio_cannot_write_costs_itself_only(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    ada = record_of(stage, "ada")
    fault = Fault(kind=Kind.STATUS, service="attio", method="PATCH", path=f"{PEOPLE}/{ada}", status=500)
    stage.sandbox.faults.add(fault)

    taken = undo(stage)

    assert {item.verdict for item in taken.items if item.record_id == ada} == {Verdict.NOT_DONE}
    assert held(stage, "bob", "polar_customer_id") is None
    stage.sandbox.faults.clear()
    assert undo(stage, stage.ledger.newest_passes(2)[1].pass_id).done.left == 0
    assert held(stage, "ada", "polar_customer_id") is None


def test_a_record_that_attio_cannot_search_for_costs_itself_only(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    ada = record_of(stage, "ada")
    fault = Fault(kind=Kind.STATUS, service="attio", path=f"{PEOPLE}/query", contains=ada, status=500)
    stage.sandbox.faults.add(fault)

    taken = undo(stage)

    assert taken.of(ada).verdict is Verdict.NOT_DONE
    assert "failed on each search" in taken.of(ada).detail
    assert held(stage, "bob", "polar_customer_id") is None


def test_a_write_whose_answer_is_lost_is_on_record_where_a_later_look_shows_it(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    before = stage.ledger.changes_of_pass(newest_pass(stage))
    fault = Fault(kind=Kind.LOST_ANSWER, service="attio", method="PATCH", path=f"{PEOPLE}/*", lost="503")
    stage.sandbox.faults.add(fault)

    taken = undo(stage)

    assert taken.kinds() == {Verdict.CLEARED}
    assert {row.attribute for row in stage.ledger.changes_of_pass(newest_pass(stage))} == {
        row.attribute for row in before
    }


def test_a_write_that_no_look_shows_is_looked_for_once_more_by_the_next_pass(stage: Stage) -> None:
    known(stage, "ada", "bob")
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    name, written = newest_pass(stage), len(stage.ledger.changes_of_pass(newest_pass(stage)))
    path = f"{PEOPLE}/{record_of(stage, 'ada')}"
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503, method="PATCH", path=path))
    assert undo(stage, name).done.left
    assert len(stage.ledger.unsettled()) == 1
    stage.sandbox.faults.clear()

    undo(stage, name)

    assert stage.ledger.unsettled() == []
    assert workspace(stage.sandbox.attio) == before
    undone = [one for one in stage.ledger.all_changes() if one.pass_id != name]
    assert len(undone) == written, "each value once"


def test_an_attio_that_is_down_ends_the_undo_and_running_it_again_continues(stage: Stage) -> None:
    known(stage, "ada", "bob")
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    name = newest_pass(stage)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503, method="PATCH", skip=1))
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503, path="/v2/self", skip=1))
    with pytest.raises(ServiceDownError):
        undo(stage, name)
    assert stage.ledger.newest_passes(1)[0].ended != "finished"
    assert workspace(stage.sandbox.attio) != before
    stage.sandbox.faults.clear()

    undo(stage, name)

    assert workspace(stage.sandbox.attio) == before


def test_the_report_names_by_links_what_stays_as_it_is(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.add("new")
    stage.reconcile()
    name, heard = newest_pass(stage), Heard()
    ada, new = (stage.sandbox.attio.person(record_of(stage, one)) for one in ("ada", "new"))
    stage.sandbox.attio.edit_person(ada.id, {"polar_country": "typed"})

    async def run() -> None:
        async with stage.context(report=heard.report) as context:
            await undo_pass(context, name)

    stage.run(run())

    heard.that("The undo of pass", "begins (test: takes back pass")
    heard.that("Created by the pass, not deleted, 1: ", new.url)
    heard.that("Changed since, 1: ", ada.url)
    assert not any("Ada" in line or "example.com" in line or "typed" in line for line in heard.lines)


def test_a_dry_run_says_what_would_become_of_each_value_and_leaves_no_trace(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    name = newest_pass(stage)
    before, writes = workspace(stage.sandbox.attio), stage.writes

    would = undo(stage, name, dry_run=True)

    assert (workspace(stage.sandbox.attio), stage.writes) == (before, writes)
    assert newest_pass(stage) == name
    assert would.verdicts() == undo(stage, name).verdicts()


@pytest.mark.parametrize("other", ["organization", "workspace"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_nothing_is_written_with_a_token_of_another_owner(stage: Stage, other: str, dry_run: bool) -> None:
    known(stage, "ada")
    stage.reconcile()
    name, writes = newest_pass(stage), stage.writes
    if other == "organization":
        stage.sandbox.polar.add_organization()
        stage.polar_token = OTHER_POLAR_TOKEN
    else:
        stage.ledger.set_fact("attio_workspace_id", "another")

    with pytest.raises(GuardError, match=r"but the one on record here is .*polar-attio approve organization"):
        undo(stage, name, dry_run=dry_run)
    assert stage.writes == writes


def test_a_pass_can_be_taken_back_while_polar_is_down(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", status=503))

    assert undo(stage).done.left == 0
    assert held(stage, "ada", "polar_customer_id") is None


def test_a_name_of_no_pass_and_of_several_is_a_sentence(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    stage.reconcile()

    with pytest.raises(UndoError, match="No pass on record has the id nothing"):
        undo(stage, "nothing")
    with pytest.raises(UndoError, match=r"Several passes have an id that begins with pass: .*pass-2, pass-1"):
        undo(stage, "pass")


def test_a_pass_that_wrote_nothing_has_nothing_to_take_back(stage: Stage) -> None:
    stage.reconcile()

    taken = undo(stage)

    assert (taken.items, taken.done.pass_id) == ([], None)


def test_companies_and_the_links_of_people_come_back(stage: Stage) -> None:
    companies = Companies(stage)
    acme = companies.add("acme.com")
    ada = companies.customer("ada@acme.com", mrr=1000)
    companies.customer("joe@globex.com", mrr=500)
    stage.reconcile()
    companies.unlink([ada])
    before = workspace(stage.sandbox.attio)
    companies.run()
    assert companies.company_of(ada) == (acme, "api-token")

    taken = undo(stage)

    assert workspace(stage.sandbox.attio) == before
    assert {(item.object_slug, item.key) for item in taken.items if item.verdict in WRITES} == {
        ("people", "company"),
        ("companies", "polar_customer"),
        ("companies", "polar_customer_count"),
        ("companies", "polar_mrr"),
    }


def test_a_person_goes_back_to_the_company_that_an_earlier_pass_had_chosen(stage: Stage) -> None:
    companies = Companies(stage)
    acme, globex = companies.add("acme.com"), companies.add("globex.com")
    ada = companies.customer("ada@acme.com")
    stage.reconcile()
    companies.unlink([ada])
    companies.run()
    stage.sandbox.attio.records.company_delay = timedelta(0)
    change(stage, ada, email="ada@globex.com")
    stage.reconcile()
    companies.choose(ada, acme, "api-token")
    companies.run()
    assert companies.company_of(ada) == (globex, "api-token")

    undo(stage)

    assert companies.company_of(ada) == (acme, "api-token")


def test_a_company_that_a_person_chose_since_stays(stage: Stage) -> None:
    companies = Companies(stage)
    companies.add("acme.com")
    other = companies.add("globex.com")
    ada = companies.customer("ada@acme.com")
    stage.reconcile()
    companies.unlink([ada])
    companies.run()
    companies.choose(ada, other)

    taken = undo(stage)

    assert companies.company_of(ada) == (other, "workspace-member")
    assert taken.of(companies.person(ada).id, "company").verdict is Verdict.CHANGED


def test_a_company_that_the_pass_made_is_named_and_cleared_on_demand(stage: Stage) -> None:
    companies = Companies(stage)
    companies.customer("ada@acme.com", mrr=1000)
    companies.run()
    made = companies.of("acme.com").id
    name = newest_pass(stage)

    assert undo(stage, name).of(made).verdict is Verdict.CREATED
    taken = undo(stage, name, clear_created=True)

    assert companies.of("acme.com").id == made
    assert companies.marked() == {}
    assert taken.kinds() == {Verdict.CREATED, Verdict.CLEARED}


def test_a_company_that_a_person_had_chosen_stays_when_an_address_is_taken_off_and_given_back(stage: Stage) -> None:
    companies = Companies(stage)
    chosen = companies.add("chosen.com")
    ada = companies.customer("ada@acme.com")
    stage.reconcile()
    companies.choose(ada, chosen)
    change(stage, ada, email="ada@globex.com")
    stage.reconcile()
    assert companies.company_of(ada)[0] == chosen

    undo(stage)
    assert companies.company_of(ada)[0] == chosen
    undo(stage)
    assert companies.company_of(ada)[0] == chosen
