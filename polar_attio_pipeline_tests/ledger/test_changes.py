"""The history: every attribute that was written, stored with the outcome that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine

from polar_attio_pipeline.ledger import PORTION, ChangeRow, Ledger, LedgerError, Recorder
from polar_attio_pipeline.ledger.recorder import SAVE_SECONDS
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.records import Actor, PersonName
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import NOON, carry_out, outcome, write

ADA = PersonName("Ada", "Lovelace", "Ada Lovelace")


@dataclass
class Clock:
    """The clock by which a process measures how long something waits."""

    seconds: float = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.seconds)
    return clock


def test_a_write_comes_out_as_it_went_in_attribute_by_attribute(ledger: Ledger) -> None:
    moved = Write(
        "ada",
        "r1",
        (
            WrittenValue("email_addresses", ("ada@old.example", "a@old.example"), None, "ada@example.com"),
            WrittenValue("name", None, None, ADA),
            WrittenValue("polar_customer", False, "workspace-member", True),
            WrittenValue("polar_customer_since", NOON, "app", datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
            WrittenValue("polar_country", "DE", "system", None),
        ),
    )

    with time_machine.travel(NOON, tick=False), ledger.recording("p1") as recorder:
        carry_out(recorder, moved)

    assert ledger.changes_of_pass("p1") == [
        ChangeRow("p1", NOON, "people", "r1", "ada", value.key, value.old, value.old_actor, value.new, "update", None)
        for value in moved.values
    ]


def test_the_history_of_a_customer_goes_over_passes_and_is_of_this_customer_only(ledger: Ledger) -> None:
    for number in (1, 2):
        with ledger.recording(f"p{number}") as recorder:
            carry_out(recorder, write("ada", new=f"value {number}"))
            carry_out(recorder, write("bob"))

    assert [(row.pass_id, row.new_value) for row in ledger.changes_of_customer("ada")] == [
        ("p1", "value 1"),
        ("p2", "value 2"),
    ]
    assert [row.polar_customer_id for row in ledger.changes_of_pass("p2")] == ["ada", "bob"]


def test_a_value_that_postgres_refuses_as_text_is_kept_exactly(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("ada", new="Zo\0ë \ud800 李"))

    assert [row.new_value for row in ledger.changes_of_customer("ada")] == ["Zo\0ë \ud800 李"]


def test_customers_that_polar_no_longer_has_keep_their_history(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("ada"))
        recorder.record([outcome("ada")])

    ledger.forget(["ada"])

    assert ledger.recorded(["ada"]) == set()
    assert len(ledger.changes_of_customer("ada")) == 1


class TestStoring:
    def test_a_write_and_its_outcome_are_stored_in_one_transaction(self, ledger: Ledger) -> None:
        ledger.counts()
        ledger.record([outcome("first")], pass_id="p0")

        def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO outcomes"):
                raise LedgerError

        def run() -> None:
            with ledger.recording("p1") as recorder:
                carry_out(recorder, write("ada"))
                recorder.record([outcome("ada")])

        sa.event.listen(ledger._database._engine, "before_cursor_execute", fail)
        with pytest.raises(LedgerError):
            run()
        sa.event.remove(ledger._database._engine, "before_cursor_execute", fail)

        assert ledger.changes_of_customer("ada") == []
        assert ledger.recorded(["ada"]) == set()

    def test_what_could_not_be_stored_waits_for_the_next_try(self, tmp_path: Path) -> None:
        tries: list[tuple[int, int]] = []

        class Failing(Ledger):
            def record(self, customers: Sequence[object], *, settled: Sequence[object] = (), **_: object) -> None:
                tries.append((len(customers), len(settled)))
                if len(tries) == 1:
                    raise LedgerError

        recorder = Recorder("p1", Failing(tmp_path / "ledger.db"))
        carry_out(recorder, write("ada"))
        recorder.record([outcome("ada")])
        with pytest.raises(LedgerError):
            recorder.save()
        recorder.record([outcome("bob")])
        recorder.save()

        assert tries == [(1, 1), (2, 1)]

    def test_writes_are_on_record_a_second_later_although_the_portion_is_not_full(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        with ledger.recording("p1") as recorder:
            carry_out(recorder, write("ada"))
            recorder.record([outcome("ada")])
            assert ledger.changes_of_customer("ada") == []

            clock.seconds += SAVE_SECONDS
            carry_out(recorder, write("bob"))
            recorder.record([outcome("bob")])

            assert len(ledger.changes_of_pass("p1")) == 2
            assert ledger.counts()[Result.CREATED] == 2

    def test_without_a_write_outcomes_wait_for_a_full_portion_however_long_it_takes(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        with ledger.recording("p1") as recorder:
            recorder.record([outcome("ada")])
            clock.seconds += 1000 * SAVE_SECONDS
            recorder.record([outcome("bob")])
            assert ledger.counts()[Result.CREATED] == 0

            recorder.record([outcome(str(number)) for number in range(PORTION - 2)])
            assert ledger.counts()[Result.CREATED] == PORTION

    def test_a_write_without_an_outcome_is_stored_at_the_end_even_after_an_error(self, ledger: Ledger) -> None:
        def run() -> None:
            with ledger.recording("p1") as recorder:
                carry_out(recorder, write("ada"))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            run()

        assert len(ledger.changes_of_customer("ada")) == 1

    def test_an_unchanged_outcome_beside_a_write_does_not_hide_the_write(self, ledger: Ledger) -> None:
        ledger.record([outcome("ada")], pass_id="p1")

        with ledger.recording("p2") as recorder:
            carry_out(recorder, write("ada"))
            recorder.record([replace(outcome("ada"), result=Result.UNCHANGED)])

        assert len(ledger.changes_of_pass("p2")) == 1


def linked(person: str, *, old: str | None, actor: Actor | None, new: str) -> Write:
    """A company that was written to a person."""
    return Write("ada", person, (WrittenValue("company", old, actor, new),))


def test_the_company_that_a_pass_has_linked_a_person_to_last_is_known(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, linked("r1", old=None, actor=None, new="acme"))
        carry_out(recorder, linked("r2", old=None, actor=None, new="acme"))
    with ledger.recording("p2") as recorder:
        carry_out(recorder, linked("r1", old="acme", actor="api-token", new="globex"))
        carry_out(recorder, Write(None, "r3", (WrittenValue("domains", None, None, "acme.com"),), "companies"))

    assert ledger.links(["r1", "r2", "r3", "r4"]) == {"r1": "globex", "r2": "acme"}
    assert ledger.links([]) == {}


def test_a_company_that_was_only_restored_was_chosen_by_somebody_else(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, linked("r1", old=None, actor=None, new="acme"))
        carry_out(recorder, linked("r1", old="globex", actor="system", new="acme"))

    assert ledger.links(["r1"]) == {}


def test_what_was_written_to_a_company_stays_when_one_of_its_customers_is_erased(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, Write(None, "c1", (WrittenValue("domains", None, None, "acme.com"),), "companies"))
        carry_out(recorder, linked("r1", old=None, actor=None, new="c1"))

    ledger.erase("ada")

    assert [(row.object, row.record_id) for row in ledger.changes_of_pass("p1")] == [("companies", "c1")]
