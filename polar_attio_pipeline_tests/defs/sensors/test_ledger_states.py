"""The ledger, the customers and the passes that wait, judged by what the ledger says."""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from pydantic import SecretStr

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors import ledger_states
from polar_attio_pipeline.defs.sensors.ledger_states import Count, ask, many_changes, unresolved_customers
from polar_attio_pipeline.defs.sensors.notices import LEDGER, MANY_CHANGES, UNRESOLVED_CUSTOMERS, State
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.ledger import Ledger, OutcomeRow
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import FEWER_CUSTOMERS, Scope, StoppedPass, note_stop
from polar_attio_pipeline.passes.hourly import HOURLY
from polar_attio_pipeline.sync.brake import Effect, Example, Touched
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import NOW, START

HOUR = timedelta(hours=1)
CUSTOMER = "11111111-2222-4333-8444-555555555555"
NAME_REPLACED = Touched("name", Effect.REPLACED)


@pytest.fixture
def resource(tmp_path: Path) -> LedgerResource:
    return LedgerResource.at(SecretStr(str(tmp_path / "ledger.db")))


@pytest.fixture
def ledger(resource: LedgerResource) -> Ledger:
    ledger = resource.open()
    ledger.set_fact("is", "there")
    return ledger


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Look:
    watched = Watched(Names(), START, 3 * HOUR, "35 3 * * *", "http://ui", lambda one: f"https://polar/{one}")
    return Look(instance, watched, NOW)


def asked(resource: LedgerResource, now: datetime | None = None) -> Count:
    answer = ask(resource, now or datetime.now(UTC))
    assert isinstance(answer, Count), answer
    return answer


def problem(resource: LedgerResource) -> str:
    answer = ask(resource, NOW)
    assert isinstance(answer, State)
    assert answer.name == LEDGER
    return answer.problem or ""


def rejected(customer_id: str, reason: Reason = Reason.NOT_TAKEN) -> Outcome:
    return Outcome(customer_id, None, Result.REJECTED, None, reason=reason, detail="A quota.")


def row(
    customer_id: str = CUSTOMER, *, urls: str | None = None, reason: str | None = "two_records", outcome: str = "x"
) -> OutcomeRow:
    return OutcomeRow(customer_id, None, outcome, reason, None, None, urls, None, NOW, NOW, "a pass", None)


def count(
    *waiting: OutcomeRow, lasting: Sequence[OutcomeRow] = (), stopped: Sequence[StoppedPass] = (), **results: int
) -> Count:
    return Count({one: results.get(one.value, 0) for one in Result}, waiting, lasting, stopped)


def stopped(pass_id: str = "a pass", *, at: datetime = NOW, people: int = 1, scope: Scope | None = None) -> StoppedPass:
    examples = [
        Example(f"c{number}", f"https://polar/c{number}", f"https://attio/p{number}", (NAME_REPLACED,))
        for number in range(people)
    ]
    why = f"It would change {people}."
    return StoppedPass(approvals.MANY_CHANGES.name, scope or Scope("all"), pass_id, at, why, people, {}, examples)


def test_a_ledger_tells_how_many_customers_there_are_and_who_waits_longest(
    ledger: Ledger, resource: LedgerResource
) -> None:
    for number in range(5):
        ledger.record([rejected(f"c{number}", Reason.REFUSED)], pass_id="p")
    ledger.record([Outcome("good", None, Result.CREATED, None)], pass_id="p")

    answer = asked(resource)

    assert (answer.results[Result.REJECTED], answer.results[Result.CREATED]) == (5, 1)
    assert [one.polar_customer_id for one in answer.longest_waiting] == ["c0", "c1", "c2"]
    assert (answer.lasting, answer.stopped) == ([], [])


def test_customers_that_fail_for_three_hours_for_no_fault_of_their_own_are_named(
    ledger: Ledger, resource: LedgerResource
) -> None:
    with time_machine.travel(NOW, tick=False):
        ledger.record([rejected("quota"), rejected("of its own", Reason.REFUSED)], pass_id="p")

    assert asked(resource, NOW + 3 * HOUR - timedelta(seconds=1)).lasting == []
    assert [one.polar_customer_id for one in asked(resource, NOW + 3 * HOUR + timedelta(seconds=1)).lasting] == [
        "quota"
    ]


def test_of_the_stopped_passes_those_count_that_would_have_changed_too_many_people(
    ledger: Ledger, resource: LedgerResource
) -> None:
    note_stop(ledger, stopped("many"))
    note_stop(ledger, StoppedPass(FEWER_CUSTOMERS.name, Scope("all"), "fewer", NOW, "There are fewer."))

    assert [one.pass_id for one in asked(resource).stopped] == ["many"]


def test_a_ledger_that_is_not_there_yet_is_well_and_is_not_made(resource: LedgerResource, tmp_path: Path) -> None:
    assert asked(resource).results == dict.fromkeys(Result, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_no_database_is_told(resource: LedgerResource, tmp_path: Path) -> None:
    Path(tmp_path, "ledger.db").write_bytes(b"this is no database" * 1000)

    assert problem(resource).startswith("The ledger ")


def test_an_address_in_what_the_ledger_says_is_left_out() -> None:
    assert "ada@example.com" not in problem(LedgerResource.at(SecretStr("postgresql://ada@example.com:bad/ledger")))


def test_a_ledger_that_keeps_writers_out_is_told_though_it_can_be_read(
    ledger: Ledger, resource: LedgerResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_states, "LEDGER_PATIENCE", 0.05)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert "locked" in problem(resource)


def test_a_ledger_that_does_not_answer_is_told(
    ledger: Ledger, resource: LedgerResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(ledger_states, "LEDGER_SECONDS", 0.05)
    monkeypatch.setattr(Ledger, "counts", lambda _: answered.wait(30))

    said = problem(resource)
    answered.set()

    assert said == "The ledger did not answer within 0.05 seconds: see that its disk, or its server, is well."


def test_a_ledger_that_raises_what_nobody_foresaw_is_told(
    ledger: Ledger, resource: LedgerResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Ledger) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ledger, "counts", fail)

    assert problem(resource) == "The ledger cannot be read (ZeroDivisionError): run `polar-attio doctor`."


@pytest.mark.parametrize(("failed", "is_bad"), [(0, False), (5, False), (6, True)])
def test_customers_are_told_of_when_more_than_a_share_of_them_is_not_in_attio(
    look: Look, failed: int, is_bad: bool
) -> None:
    found = count(row(), created=94 - failed, unchanged=3, updated=3, rejected=failed, excluded=100)

    state = unresolved_customers(look, found, error_share=0.05)

    assert state.name == UNRESOLVED_CUSTOMERS
    assert (state.problem is not None) is is_bad


def test_rejected_and_ambiguous_ones_are_counted_and_the_longest_waiting_three_named_with_why(look: Look) -> None:
    waiting = [
        row(urls="https://attio/1 https://attio/2"),
        row(),
        row("row 7 of page 2", reason=None, outcome="rejected"),
        row(urls="https://attio/fourth"),
    ]

    found = count(*waiting, created=1, rejected=3, ambiguous=1, excluded=1)

    assert unresolved_customers(look, found, error_share=0.05).problem == (
        "4 of 5 customers are rejected or ambiguous. The check every_customer_is_in_attio lists them "
        "(http://ui/assets/attio_people). Those that have waited longest: https://attio/1 (two_records); "
        f"https://polar/{CUSTOMER} (two_records); a row of Polar's that shows no id (rejected)."
    )


@pytest.mark.parametrize("almost", [f"{CUSTOMER}0", f"row {CUSTOMER}", CUSTOMER.replace("-", "")])
def test_what_only_resembles_an_id_has_no_page_in_polar(look: Look, almost: str) -> None:
    found = count(row(almost), rejected=1)

    assert "a row of Polar's that shows no id (" in (unresolved_customers(look, found, error_share=0).problem or "")


def test_one_that_fails_for_hours_is_told_of_and_named_before_the_others(look: Look) -> None:
    lasting = row(urls="https://attio/lasting", reason="attio_could_not_take")

    found = count(row(), lasting=[lasting], created=99, rejected=1)

    said = unresolved_customers(look, found, error_share=0.05).problem or ""
    assert said.startswith("1 of 100 customers are rejected or ambiguous.")
    assert said.endswith("waited longest: https://attio/lasting (attio_could_not_take).")


def test_where_no_pass_was_stopped_all_is_well(look: Look) -> None:
    assert many_changes(look, count()) == State(MANY_CHANGES, None)


def test_the_newest_of_the_stopped_passes_is_told_with_three_people_and_what_to_do(look: Look) -> None:
    found = count(stopped=[stopped(at=NOW - HOUR, people=9), stopped(people=4), stopped(at=NOW - 2 * HOUR)])

    assert many_changes(look, found) == State(
        MANY_CHANGES,
        "A pass was stopped before its first write, and its customers wait. It would change 4. Such as "
        "https://attio/p0 (name replaced); https://attio/p1 (name replaced); https://attio/p2 (name replaced). If that "
        "is meant, run `polar-attio approve many-changes`, or launch the job with `approve: [many-changes]` in its "
        "config; `polar-attio plan` shows every change.",
    )


def test_a_stopped_pass_that_is_a_run_of_dagsters_is_told_with_its_page(look: Look) -> None:
    @dg.job
    def job() -> None: ...

    run = look.instance.create_run_for_job(job)

    said = many_changes(look, count(stopped=[stopped(run.run_id)])).problem or ""
    assert said.endswith(f"every change. See http://ui/runs/{run.run_id}")


def test_the_hours_that_wait_are_those_of_every_stopped_hourly_pass() -> None:
    hours = [
        stopped(scope=Scope(HOURLY, frozenset({"2026-11-01-08:00", "2026-11-01-09:00"}))),
        stopped(scope=Scope(HOURLY, frozenset({"2026-11-01-10:00"}))),
        stopped(scope=Scope("changed", frozenset({"a customer"}))),
    ]

    assert count(stopped=hours).waiting_hours() == {"2026-11-01-08:00", "2026-11-01-09:00", "2026-11-01-10:00"}
    assert count().waiting_hours() == frozenset()
