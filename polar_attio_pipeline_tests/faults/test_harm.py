"""What the calm is judged by sees a fault that was planted, and nothing else."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.faults.bounds import Length, bound
from polar_attio_pipeline_tests.faults.harm import Row, blamed, harmed, read_rows, without_outcome
from polar_attio_pipeline_tests.faults.test_oracle import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


class TestHarmed:
    def test_a_customer_who_is_right_is_not_harmed(self, stage: Stage) -> None:
        assert harmed(stage.polar, stage.attio, [stage.ada.id]) == []

    def test_a_healthy_customer_without_a_person_is_harmed(self, stage: Stage) -> None:
        bob = stage.polar.add_customer(email="bob@example.com", name="Bob")

        assert harmed(stage.polar, stage.attio, [stage.ada.id, bob.id]) == [f"{bob.id}: {bob.id} is nobody in Attio"]

    def test_a_healthy_customer_whose_value_is_not_brought_is_harmed(self, stage: Stage) -> None:
        stage.polar.update_customer(stage.ada.id, name="Ada King")

        (sentence,) = harmed(stage.polar, stage.attio, [stage.ada.id])
        assert "Ada King" in sentence

    def test_a_healthy_customer_who_is_two_people_is_harmed(self, stage: Stage) -> None:
        stage.add(stage.ada, "ada@example.org")

        assert harmed(stage.polar, stage.attio, [stage.ada.id]) == [f"{stage.ada.id}: {stage.ada.id} is 2 people"]

    def test_a_victim_is_not_among_the_healthy(self, stage: Stage) -> None:
        stage.polar.add_customer(email="bob@example.com", name="Bob")

        assert harmed(stage.polar, stage.attio, [stage.ada.id]) == []


class TestBlamed:
    def test_a_healthy_customer_on_record_as_failed_is_found(self, stage: Stage) -> None:
        rows = {stage.ada.id: Row("rejected", "attio_could_not_take", "500")}

        assert blamed(stage.polar, rows, [stage.ada.id]) == [f"{stage.ada.id} is rejected: attio_could_not_take"]

    def test_whom_attio_cannot_take_is_rightly_on_record_as_failed(self, stage: Stage) -> None:
        bob = stage.polar.add_customer(email="bob@mail.test", name="Bob")
        rows = {bob.id: Row("rejected", "refused_by_attio", "email_addresses")}

        assert blamed(stage.polar, rows, [bob.id]) == []


class TestWithoutOutcome:
    @pytest.mark.parametrize(
        ("rows", "found"),
        [
            ({}, ["a has no outcome"]),
            ({"a": Row("rejected", None, "why")}, ["a is rejected, and it does not say why"]),
            ({"a": Row("ambiguous", "two_records", None)}, ["a is ambiguous, and it does not say why"]),
            ({"a": Row("ambiguous", "two_records", "why")}, []),
            ({"a": Row("created", None, None)}, []),
        ],
    )
    def test_what_is_on_record_has_to_say_what_became_of_a_customer(
        self, rows: dict[str, Row], found: Sequence[str]
    ) -> None:
        assert without_outcome(rows, ["a"]) == found

    def test_what_the_ledger_holds_is_read_from_its_file(self, ledger: Ledger, tmp_path: Path) -> None:
        failed = Outcome("b", None, Result.REJECTED, None, reason=Reason.UNANSWERED, detail="No answer.")
        ledger.record([Outcome("a", None, Result.CREATED, None, record_id="r"), failed], pass_id="p")

        assert read_rows(tmp_path / "ledger.db") == {
            "a": Row("created", None, None),
            "b": Row("rejected", "polar_could_not_say", "No answer."),
        }

    def test_a_row_that_is_deleted_from_the_file_is_missed(self, ledger: Ledger, tmp_path: Path) -> None:
        ledger.record([Outcome("a", None, Result.CREATED, None)], pass_id="p")
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
            connection.execute("DELETE FROM outcomes")

        assert without_outcome(read_rows(tmp_path / "ledger.db"), ["a"]) == ["a has no outcome"]


class TestBound:
    def test_a_pass_is_over_its_time_when_it_took_longer(self) -> None:
        assert Length("hour", seconds=61, bound=60).is_over
        assert not Length("hour", seconds=60, bound=60).is_over

    def test_it_grows_with_what_there_is_to_do_and_not_with_what_was_done(self) -> None:
        slow, quick = Pace(writes=1, questions=1), Pace(writes=20, questions=5)

        assert bound(1000, 0, quick) < bound(2000, 0, quick) < bound(2000, 3, quick)
        assert bound(1000, 0, quick) < bound(1000, 0, slow)
