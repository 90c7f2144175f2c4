"""The sync is taken out of Attio: its values go, what people typed stays, nothing is deleted, and it can be undone."""

from typing import Any

import pytest

from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.approvals import REINSTALL, approve
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.undo.values import Verdict
from polar_attio_pipeline_tests.passes.company_stage import Companies
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import killed_at, living_in, newest_pass, undo, workspace
from polar_attio_pipeline_tests.passes.uninstalling import take_out


def known(stage: Stage, *names: str, **fields: Any) -> list[Customer]:
    """Customers whose people a person has typed into Attio before: name@example.com."""
    for name in names:
        stage.sandbox.attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example")
    return [stage.add(name, **fields) for name in names]


def record_of(stage: Stage, name: str) -> str:
    (found,) = (one.id for one in stage.sandbox.attio.people() if f"{name}@example.com" in one.emails)
    return found


def ours(stage: Stage, name: str) -> dict[str, Any]:
    """What a person holds in attributes of the sync."""
    values = stage.sandbox.attio.person(record_of(stage, name)).values
    return {key: value for key, value in values.items() if key.startswith("polar_")}


def test_after_some_passes_all_that_they_wrote_of_polar_is_out(stage: Stage) -> None:
    (ada, _) = known(stage, "ada", "bob", **living_in("DE"))
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, **living_in("IT"))
    stage.reconcile()
    assert workspace(stage.sandbox.attio) != before

    taken = take_out(stage)

    assert workspace(stage.sandbox.attio) == before
    assert taken.kinds() == {Verdict.CLEARED}
    assert taken.done.left == 0


def test_a_dry_run_says_the_same_and_writes_nothing(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    full, passes = workspace(stage.sandbox.attio), stage.ledger.newest_passes(9)

    would = take_out(stage, dry_run=True)

    assert workspace(stage.sandbox.attio) == full
    assert stage.ledger.newest_passes(9) == passes
    assert would.items == take_out(stage).items


def test_people_whom_the_sync_created_stay_with_name_and_address_and_are_named(stage: Stage) -> None:
    stage.add("ada", **living_in("DE"))
    stage.reconcile()

    taken = take_out(stage)

    person = stage.sandbox.attio.person(record_of(stage, "ada"))
    assert (person.name, person.emails) == ("Ada Example", ("ada@example.com",))
    assert ours(stage, "ada") == {}
    made = taken.of(person.id)
    assert (made.verdict, made.url) == (Verdict.CREATED, person.url)
    assert taken.done.left == 0


def test_an_address_and_a_name_that_passes_have_filled_in_stay(stage: Stage) -> None:
    stage.sandbox.attio.add_person(emails=["ada@example.com"])
    ada = stage.add("ada")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, email="new@example.com")
    stage.reconcile()
    record = record_of(stage, "ada")

    take_out(stage)

    person = stage.sandbox.attio.person(record)
    assert person.name == "Ada Example"
    assert person.emails == ("new@example.com", "ada@example.com")
    assert ours(stage, "ada") == {}


def test_what_anybody_else_wrote_since_stays_and_is_named(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"), external_id="x-1")
    stage.reconcile()
    ada = record_of(stage, "ada")
    edit = stage.sandbox.attio.edit_person
    edit(ada, {"polar_country": "typed"})
    edit(ada, {"polar_external_id": "x-1"})
    edit(ada, {"polar_customer_url": "of an app"}, "app")

    taken = take_out(stage)

    assert ours(stage, "ada") == {
        "polar_country": "typed",
        "polar_external_id": "x-1",
        "polar_customer_url": "of an app",
    }
    assert {taken.of(ada, key).verdict for key in ours(stage, "ada")} == {Verdict.CHANGED}
    assert taken.done.left == 3


def test_a_typed_value_that_a_pass_wrote_over_comes_back(stage: Stage) -> None:
    stage.map(note={"from": "metadata.note", "policy": "always"})
    (ada,) = known(stage, "ada", metadata={"note": "first"})
    stage.sandbox.attio.edit_person(record_of(stage, "ada"), {"note": "typed"})
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, metadata={"note": "second"})
    stage.reconcile()
    values = stage.sandbox.attio.person(record_of(stage, "ada")).values
    assert values["note"] == "second"

    taken = take_out(stage)

    assert stage.sandbox.attio.person(record_of(stage, "ada")).values["note"] == "typed"
    assert taken.of(record_of(stage, "ada"), "note").verdict is Verdict.PUT_BACK


def test_companies_lose_their_mark_and_numbers_and_keep_their_people(stage: Stage) -> None:
    companies = Companies(stage)
    companies.customer("ada@acme.com", mrr=900)
    companies.whole()
    company = companies.of("acme.com")
    assert company.values["polar_customer"] is True

    take_out(stage)

    after = companies.of("acme.com")
    assert not {key for key in after.values if key.startswith("polar_")}
    (link,) = stage.sandbox.attio.value_history(with_address(stage, "ada@acme.com"), "company")
    assert link["target_record_id"] == company.id


def with_address(stage: Stage, address: str) -> str:
    (found,) = (one.id for one in stage.sandbox.attio.people() if address in one.emails)
    return found


def test_a_second_time_there_is_nothing_to_do(stage: Stage) -> None:
    known(stage, "ada")
    stage.add("bob")
    stage.reconcile()
    take_out(stage)
    writes = stage.writes

    again = take_out(stage)

    assert stage.writes == writes
    assert again.kinds() == {Verdict.ALREADY_BACK, Verdict.CREATED}
    assert (again.done.written, again.done.left) == (0, 0)


@pytest.mark.parametrize("carried_out", [False, True], ids=["before it was sent", "before it was answered"])
@pytest.mark.parametrize("write", [1, 2])
def test_killed_at_any_write_and_run_again_it_ends_in_the_same_state_and_can_be_undone(
    stage: Stage, write: int, carried_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(stage, "ada", "bob", **living_in("DE"))
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    full, writes = workspace(stage.sandbox.attio), stage.writes

    with killed_at(write, carried_out=carried_out, monkeypatch=monkeypatch):
        take_out(stage)
    killed = newest_pass(stage)
    taken = take_out(stage)

    assert workspace(stage.sandbox.attio) == before
    assert taken.done.left == 0
    assert stage.writes - writes == 2, "no value was written twice"
    undo(stage, newest_pass(stage))
    undo(stage, killed)
    assert workspace(stage.sandbox.attio) == full


def test_it_is_a_pass_on_record_and_its_undo_brings_everything_back_and_lets_passes_go_on(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.add("bob")
    stage.reconcile()
    full = workspace(stage.sandbox.attio)
    take_out(stage)
    row = stage.ledger.newest_passes(1)[0]
    assert (row.kind, row.ended) == ("uninstall", "finished")

    undo(stage, row.pass_id)

    assert workspace(stage.sandbox.attio) == full
    writes = stage.writes
    stage.reconcile()
    assert stage.writes == writes


def test_passes_that_start_afterwards_are_refused_until_a_person_approves(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    take_out(stage)
    empty, writes = workspace(stage.sandbox.attio), stage.writes

    for _ in range(2):
        with pytest.raises(GuardError, match=r"taken out of Attio by `polar-attio uninstall`.*approve reinstall"):
            stage.reconcile()
    with pytest.raises(GuardError, match="approve reinstall"):
        stage.hourly()
    assert (workspace(stage.sandbox.attio), stage.writes) == (empty, writes)

    approve(stage.ledger, REINSTALL.name)
    stage.reconcile()
    assert "polar_customer_id" in ours(stage, "ada")
    stage.reconcile()


def test_marked_people_without_a_history_are_left_alone_and_counted(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    other = stage.sandbox.attio.add_person(emails=["other@example.com"])
    theirs = {"polar_customer": True, "polar_customer_id": "9b6b1a0e-0000-4000-8000-000000000000"}
    stage.sandbox.attio.edit_person(other, theirs, "api-token")

    taken = take_out(stage)

    assert ours(stage, "other") == theirs
    assert (taken.done.strangers, taken.done.left) == (1, 1)
    assert taken.done.stranger_links == (stage.sandbox.attio.person(other).url,)


def test_attributes_that_another_pipeline_may_need_are_not_archived(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    other = stage.sandbox.attio.add_person(emails=["other@example.com"])
    stage.sandbox.attio.edit_person(other, {"polar_customer": True}, "api-token")

    would, taken = take_out(stage, archive=True, dry_run=True), take_out(stage, archive=True)

    assert would.done.attributes == taken.done.attributes
    assert all("another pipeline may need it" in (one.problem or "") for one in taken.done.attributes)
    assert "polar_customer" in live(stage)


def test_with_a_lost_ledger_what_api_keys_wrote_to_marked_people_and_companies_goes_on_demand(stage: Stage) -> None:
    companies = Companies(stage)
    known(stage, "ada", **living_in("DE"))
    companies.customer("bob@acme.com", mrr=900)
    companies.whole()
    stage.sandbox.attio.edit_person(record_of(stage, "ada"), {"polar_country": "typed"})
    stage.ledger.close()
    stage.ledger = Ledger(stage.ledger._database.place.file.with_name("new.db"))  # type: ignore[union-attr]
    assert take_out(stage, dry_run=True).done.strangers == 4, "two people, and the companies of their domains"

    taken = take_out(stage, all_marked=True)

    assert ours(stage, "ada") == {"polar_country": "typed"}
    assert not {key for key in companies.of("acme.com").values if key.startswith("polar_")}
    assert taken.done.left == 0
    assert "polar_customer_id" not in stage.sandbox.attio.person(with_address(stage, "bob@acme.com")).values


def test_values_that_no_pass_on_record_wrote_stay_and_go_on_demand(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    stage.sandbox.attio.edit_person(record_of(stage, "ada"), {"polar_country": "FR"}, "api-token")

    assert take_out(stage, dry_run=True).of(record_of(stage, "ada"), "polar_country").verdict is Verdict.CHANGED
    taken = take_out(stage, all_marked=True)

    assert ours(stage, "ada") == {}
    assert taken.done.left == 0


def test_a_mark_whose_history_has_left_the_ledger_is_named_although_other_values_have_one(stage: Stage) -> None:
    known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    with stage.ledger._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM changes WHERE attribute <> 'polar_country'")

    taken = take_out(stage)

    assert "polar_country" not in ours(stage, "ada")
    assert "polar_customer" in ours(stage, "ada")
    assert (taken.done.strangers, taken.done.left) == (1, 1)
    assert take_out(stage, all_marked=True).done.left == 0
    assert ours(stage, "ada") == {}


def test_a_mark_that_a_person_has_set_is_theirs(stage: Stage) -> None:
    person = stage.sandbox.attio.add_person(emails=["ada@example.com"])
    stage.sandbox.attio.edit_person(person, {"polar_customer": True})
    stage.reconcile()

    for all_marked in (False, True):
        assert take_out(stage, all_marked=all_marked).done.left == 0
        assert ours(stage, "ada") == {"polar_customer": True}


def test_history_that_begins_late_puts_back_no_older_value_of_the_sync(stage: Stage) -> None:
    (ada,) = known(stage, "ada", **living_in("DE"))
    stage.reconcile()
    with stage.ledger._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM changes")
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()

    take_out(stage)

    assert "polar_country" not in ours(stage, "ada")


def test_a_person_who_was_deleted_or_merged_in_attio_holds_nothing_up(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    stage.sandbox.attio.delete(record_of(stage, "ada"))

    taken = take_out(stage)

    assert ours(stage, "bob") == {}
    assert taken.kinds() == {Verdict.GONE, Verdict.CLEARED}
    assert taken.done.left == 0


def test_attributes_are_archived_on_demand_only_and_setting_up_brings_them_back(stage: Stage) -> None:
    Companies(stage)
    stage.map(seats={"from": "metadata.seats"})
    known(stage, "ada")
    stage.reconcile()
    assert take_out(stage).done.attributes == ()
    assert "polar_customer" in live(stage)

    taken = take_out(stage, archive=True)

    assert {key for key in live(stage) if key.startswith("polar_")} == set()
    assert {key for key in live(stage, "companies") if key.startswith("polar_")} == set()
    assert "seats" in live(stage), "the team may have made it for itself"
    assert taken.done.attributes[-1].slug in {"polar_customer", "polar_customer_id"}, "the required ones last"
    assert taken.done.left == 0


def live(stage: Stage, slug: str = "people") -> set[str]:
    return {attribute.slug for attribute in stage.sandbox.attio.store.object_type(slug).live()}


def test_an_attribute_that_has_another_title_is_not_archived(stage: Stage) -> None:
    stage.sandbox.attio.people_type.attribute("polar_country").title = "Country of our own"
    known(stage, "ada")
    stage.reconcile()

    take_out(stage, archive=True)

    assert {key for key in live(stage) if key.startswith("polar_")} == {"polar_country"}


def test_a_key_that_may_not_archive_is_refused_before_the_first_write(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    full = workspace(stage.sandbox.attio)
    stage.sandbox.attio.tokens[ATTIO_TOKEN].scopes = frozenset(
        {"record_permission:read-write", "object_configuration:read"}
    )

    with pytest.raises(ConfigurationError, match="object_configuration:read-write"):
        take_out(stage, archive=True)

    assert workspace(stage.sandbox.attio) == full


def test_while_values_could_not_be_cleared_nothing_is_archived(stage: Stage) -> None:
    known(stage, "ada", "bob")
    stage.reconcile()
    ada = record_of(stage, "ada")
    path = f"/v2/objects/people/records/{ada}"
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio", method="PATCH", path=path))

    taken = take_out(stage, archive=True)

    assert ours(stage, "bob") == {}
    assert "polar_customer" in live(stage)
    assert all("run this again" in (one.problem or "") for one in taken.done.attributes)
    stage.sandbox.faults.clear()
    assert take_out(stage, archive=True).done.left == 0
    assert "polar_customer" not in live(stage)


def test_a_token_of_another_organization_is_refused(stage: Stage) -> None:
    known(stage, "ada")
    stage.reconcile()
    stage.sandbox.polar.add_organization().add_customer(email="other@example.com")
    stage.polar_token = OTHER_POLAR_TOKEN
    writes = stage.writes

    with pytest.raises(GuardError, match="belongs to the Polar organization"):
        take_out(stage)

    assert stage.writes == writes
