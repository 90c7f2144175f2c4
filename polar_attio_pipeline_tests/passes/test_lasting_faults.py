"""Faults that never end: each costs what it is about, and has a name; when it is mended, the next pass is clean."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.passes.hourly import HoursNotDoneError
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Ran, Stage

HEALTHY = 20


@dataclass(frozen=True)
class Poison:
    """Something that is bad about one customer, for ever.

    Attributes:
        reason: Its outcome.
        bring: Makes a customer of an hour bad.
        mend: Makes it good again; None where the faults are cleared.
    """

    reason: Reason
    bring: Callable[[Stage, int], Customer]
    mend: Callable[[Stage, Customer], object] | None = None


def refused_by(kind: Kind, **fault: object) -> Callable[[Stage, int], Customer]:
    """A new customer whose creation in Attio always fails."""

    def bring(stage: Stage, hour: int) -> Customer:
        bad = stage.add(stage.name("bad"), hour=hour)
        details = {"method": "POST", "path": PEOPLE, "contains": f'"{bad.email}"', **fault}
        stage.sandbox.faults.add(Fault.model_validate({"kind": kind, "service": "attio", **details}))
        return bad

    return bring


def unsearchable(status: int) -> Callable[[Stage, int], Customer]:
    """A customer whose address Attio cannot search for."""
    return refused_by(Kind.STATUS, path=f"{PEOPLE}/query", status=status)


def team_without_answer(kind: Kind, **fault: object) -> Callable[[Stage, int], Customer]:
    """A team whose members Polar cannot show."""

    def bring(stage: Stage, hour: int) -> Customer:
        bad = stage.add_team(stage.name("bad"), hour=hour)
        details = {"path": "/v1/members/", "contains": bad.id, **fault}
        stage.sandbox.faults.add(Fault.model_validate({"kind": kind, "service": "polar", **details}))
        return bad

    return bring


def contested_without_answer(stage: Stage, hour: int) -> Customer:
    """A customer whose person holds an id about which Polar cannot answer."""
    old = stage.sandbox.polar.new_id()
    bad = stage.add(stage.name("bad"), hour=hour)
    record_id = stage.sandbox.attio.add_person(emails=[bad.email or ""])
    stage.sandbox.attio.edit_person(record_id, {"polar_customer_id": old})
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path=f"/v1/customers/{old}", status=500))
    return bad


def row_without_address(stage: Stage, hour: int) -> Customer:
    """A row that Polar's own list cannot serialise."""
    bad = stage.add(stage.name("bad"), hour=hour)
    stage.sandbox.polar.break_customer(bad.id)
    return bad


POISONS = {
    "500 to its creation": Poison(Reason.NOT_TAKEN, refused_by(Kind.STATUS, status=500)),
    "503 to its creation": Poison(Reason.NOT_TAKEN, refused_by(Kind.STATUS, status=503)),
    "no answer to its creation": Poison(Reason.NOT_TAKEN, refused_by(Kind.HANG)),
    "its creation cuts the connection": Poison(Reason.NOT_TAKEN, refused_by(Kind.RESET)),
    "its creation is denied": Poison(Reason.NOT_TAKEN, refused_by(Kind.REFUSE, status=403, code="billing_error")),
    "429 to its creation": Poison(Reason.NOT_TAKEN, refused_by(Kind.TOO_MANY, retry_after="absent")),
    "500 to each search for it": Poison(Reason.NOT_TAKEN, unsearchable(500)),
    "502 to each search for it": Poison(Reason.NOT_TAKEN, unsearchable(502)),
    "500 to its members": Poison(Reason.UNANSWERED, team_without_answer(Kind.STATUS, status=500)),
    "no answer to its members": Poison(Reason.UNANSWERED, team_without_answer(Kind.HANG)),
    "429 to its members": Poison(Reason.UNANSWERED, team_without_answer(Kind.TOO_MANY, retry_after="absent")),
    "500 to the id that its person holds": Poison(Reason.UNANSWERED, contested_without_answer),
    "its row cannot be serialised": Poison(
        Reason.UNREADABLE,
        row_without_address,
        lambda stage, bad: stage.sandbox.polar.update_customer(bad.id, email=bad.email),
    ),
}


@pytest.mark.parametrize("name", POISONS)
class TestOneRecord:
    def test_costs_nobody_else_anything_in_an_hourly_pass(self, stage: Stage, name: str) -> None:
        poison = POISONS[name]
        healthy = [one for hour in range(3) for one in stage.add_many(HEALTHY, hour=hour)]
        bad = poison.bring(stage, 1)
        ran = stage.hourly(0, 2)
        assert len(ran.hours) == 3
        assert stage.in_attio(healthy) == len(healthy)
        outcome = ran.outcomes()[bad.id]
        assert (outcome.result, outcome.reason) == (Result.REJECTED, poison.reason)
        assert outcome.detail
        (row,) = stage.ledger.unresolved(limit=None)
        assert row.polar_customer_id == bad.id

    def test_costs_nobody_else_anything_in_a_reconciliation(self, stage: Stage, name: str) -> None:
        poison = POISONS[name]
        healthy = stage.add_many(HEALTHY)
        bad = poison.bring(stage, 1)
        report = stage.reconcile()
        assert stage.in_attio(healthy) == HEALTHY
        assert {one.reason for one in report.notable if one.customer_id == bad.id} == {poison.reason}
        assert report.orphaned == []

    def test_is_brought_by_the_next_pass_once_it_is_mended(self, stage: Stage, name: str) -> None:
        poison = POISONS[name]
        bad = poison.bring(stage, 1)
        stage.hourly(0, 2)
        stage.sandbox.faults.clear()
        if poison.mend:
            poison.mend(stage, bad)
        stage.hourly(5, retry_unresolved=True)
        assert stage.in_attio([bad]) == 1
        assert stage.ledger.unresolved(limit=None) == []
        assert stage.reconcile().notable == []


class TestSeveral:
    def test_all_of_them_together_cost_themselves_alone(self, stage: Stage) -> None:
        healthy = [one for hour in range(3) for one in stage.add_many(HEALTHY, hour=hour)]
        bad = {poison.bring(stage, number % 3).id: poison.reason for number, poison in enumerate(distinct())}
        ran = stage.hourly(0, 2)
        assert stage.in_attio(healthy) == len(healthy)
        outcomes = ran.outcomes()
        assert {one: outcomes[one].reason for one in bad} == bad

    def test_more_bad_records_side_by_side_than_good_ones(self, stage: Stage) -> None:
        bad = [stage.add(f"bad-{number}", minute=number) for number in range(30)]
        stage.sandbox.faults.add(
            Fault(kind=Kind.STATUS, service="attio", method="POST", path=PEOPLE, contains="bad-", status=500)
        )
        healthy = stage.add("healthy", minute=59)
        stage.hourly()
        assert stage.in_attio([healthy]) == 1
        assert {row.polar_customer_id for row in stage.ledger.unresolved(limit=None)} == {one.id for one in bad}


def distinct() -> list[Poison]:
    """One poison of each kind that can stand in one hour with the others."""
    names = ("500 to its creation", "500 to each search for it", "500 to its members", "its row cannot be serialised")
    return [POISONS[name] for name in names]


class TestAService:
    @pytest.mark.parametrize(
        "faults",
        [
            [Fault(kind=Kind.STATUS, service="polar", path="/v1/members/")],
            [
                Fault(kind=Kind.STATUS, service="attio", path="/v2/objects/people/records*"),
                Fault(kind=Kind.STATUS, service="attio", path="/v2/self", skip=1),
            ],
        ],
        ids=["Polar", "Attio"],
    )
    def test_that_is_down_leaves_everything_for_later(self, stage: Stage, faults: list[Fault]) -> None:
        stage.add_team("team")
        stage.add_many(3)
        for fault in faults:
            stage.sandbox.faults.add(fault)
        with pytest.raises(UnavailableError):
            stage.hourly()
        assert sum(stage.ledger.counts().values()) == 0
        stage.sandbox.faults.clear()
        stage.hourly()
        assert stage.ledger.counts()[Result.CREATED] == 4


class TestUntrueAnswers:
    def test_an_empty_answer_closes_no_hour_whose_customers_were_seen(self, stage: Stage) -> None:
        seen = stage.add_many(3)
        stage.sandbox.faults.add(Fault(kind=Kind.EMPTY_LIST, service="polar", path="/v1/customers/*"))
        ran = Ran()
        with pytest.raises(HoursNotDoneError, match="lacked 3 customers that exist"):
            stage.hourly_into(ran, expected=[one.id for one in seen])
        assert ran.hours == []
        assert stage.in_attio(seen) == 3
        stage.sandbox.faults.clear()
        (hour,) = stage.hourly().hours
        assert hour.absent == frozenset()

    def test_an_empty_answer_closes_no_hour_whose_customers_are_on_record(self, stage: Stage) -> None:
        stage.add_many(3)
        stage.hourly()
        stage.sandbox.faults.add(Fault(kind=Kind.EMPTY_LIST, service="polar", path="/v1/customers/*"))
        with pytest.raises(HoursNotDoneError):
            stage.hourly()
        assert len(stage.ledger.recorded(list(stage.sandbox.polar.customers))) == 3

    def test_the_other_hours_of_the_pass_are_done(self, stage: Stage) -> None:
        missing = stage.add("missing", hour=1)
        stage.sandbox.faults.add(Fault(kind=Kind.EMPTY_LIST, service="polar", path="/v1/customers/*"))
        ran = Ran()
        with pytest.raises(HoursNotDoneError, match="1 of 3 hours"):
            stage.hourly_into(ran, 0, 2, expected=[missing.id])
        assert [hour.start for hour in ran.hours] == [stage.here, stage.here + 2 * HOUR]
        assert stage.in_attio([missing]) == 1

    def test_customers_who_were_deleted_since_are_named_and_the_hour_is_done(self, stage: Stage) -> None:
        kept, deleted = stage.add_many(2)
        stage.hourly()
        stage.sandbox.polar.delete_customer(deleted.id)
        (hour,) = stage.hourly(expected=[kept.id, deleted.id]).hours
        assert hour.absent == {deleted.id}
        assert stage.ledger.recorded([kept.id, deleted.id]) == {kept.id}


class TestLedger:
    def test_customers_that_polar_no_longer_has_leave_the_ledger_with_a_reconciliation(self, stage: Stage) -> None:
        customers = stage.add_many(20)
        stage.reconcile()
        for one in customers[:3]:
            stage.sandbox.polar.delete_customer(one.id)
        stage.reconcile()
        assert sum(stage.ledger.counts().values()) == 17

    def test_an_unchanged_book_writes_no_outcome(self, stage: Stage) -> None:
        stage.add_many(20)
        stage.reconcile()
        before = {row: stage.ledger.record_ids([row]) for row in stage.sandbox.polar.customers}
        assert stage.reconcile().notable == []
        assert {row: stage.ledger.record_ids([row]) for row in stage.sandbox.polar.customers} == before

    def test_an_address_that_attio_refuses_is_not_sent_by_every_pass(self, stage: Stage) -> None:
        stage.add("bad", email="bad@example.test")
        stage.hourly()
        stage.sandbox.traffic.reset()
        for _ in range(3):
            stage.hourly(retry_unresolved=True)
            stage.reconcile()
        assert stage.sandbox.traffic.count(service="attio", kind="write") == 0
        (row,) = stage.ledger.unresolved(limit=None)
        assert "email_addresses" in (row.detail or "")

    def test_a_value_that_attio_refuses_is_not_sent_by_every_pass_and_changes_no_row(self, stage: Stage) -> None:
        ada = stage.add("ada", billing_address={"country": "GB"})
        stage.sandbox.attio.refuse_values("polar_country")
        stage.hourly()
        person = stage.person_of(ada.id)
        assert person is not None
        assert person.values["name"] == "Ada Example"
        [(mark, detail)] = stage.ledger.refusals([ada.id]).values()
        assert "polar_country" in detail
        stage.sandbox.traffic.reset()
        for _ in range(3):
            stage.hourly()
            stage.reconcile()
        assert stage.sandbox.traffic.count(service="attio", kind="write") == 0
        assert stage.ledger.refusals([ada.id]) == {ada.id: (mark, detail)}
        assert stage.ledger.unresolved(limit=None) == []


class TestRanges:
    def test_a_range_is_read_once_however_long_it_takes(self, stage: Stage) -> None:
        for hour in range(10):
            stage.add_many(2, hour=hour)
        stage.rules = replace(stage.rules, snapshot_age=timedelta(0))
        stage.sandbox.traffic.reset()
        stage.hourly(0, 9)
        assert stage.sandbox.traffic.count(service="polar", route="/v1/customers/") <= 2


class TestCompanies:
    def test_a_company_that_a_person_chose_stays_when_an_address_joins(self, stage: Stage) -> None:
        ada = stage.add("ada", email="ada@lovelace.com")
        stage.hourly()
        person = stage.person_of(ada.id)
        assert person is not None
        elsewhere = stage.sandbox.attio.add_person(emails=["somebody@chosen.com"])
        chosen = stage.sandbox.attio.person(elsewhere).values["company"]
        reference = {"target_object": "companies", "target_record_id": chosen}
        stage.sandbox.attio.edit_person(person.id, {"company": [reference]})
        stage.sandbox.polar.update_customer(ada.id, email="ada@moved.com")

        stage.hourly()

        after = stage.sandbox.attio.person(person.id)
        assert set(after.emails) == {"ada@lovelace.com", "ada@moved.com"}
        assert after.values["company"] == chosen


class TestExport:
    def test_customers_beside_a_row_that_polar_cannot_serialise_lack_nothing(self, stage: Stage) -> None:
        healthy = stage.add_many(5)
        row_without_address(stage, 0)

        stage.hourly()
        by_the_hour = [stage.person_of(one.id) for one in healthy]
        later = stage.add_many(5, hour=1)
        stage.reconcile()

        people = [*by_the_hour, *(stage.person_of(one.id) for one in later)]
        assert {person.values.get("polar_customer_type") for person in people if person} == {"individual"}
        assert len([person for person in people if person]) == 10

    def test_what_polar_could_not_say_of_them_in_one_pass_a_reconciliation_brings_later(self, stage: Stage) -> None:
        old = [stage.add_many(1, hour=-number, who=f"old-{number}")[0] for number in range(5)]
        row_without_address(stage, 0)
        number = stage.sandbox.faults.add(
            Fault(kind=Kind.STATUS, service="polar", path="/v1/customers/????????-*", status=503)
        )
        stage.reconcile()
        stage.sandbox.faults.remove(number)
        stage.reconcile()
        people = [stage.person_of(one.id) for one in old]
        assert [person and person.values.get("polar_customer_type") for person in people] == ["individual"] * 5
