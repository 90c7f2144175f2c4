"""One person is erased: no row, and in SQLite not one byte."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger, LedgerError, Snapshot
from polar_attio_pipeline.ledger.schema import INTENTS
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import NOON, carry_out, outcome, write
from polar_attio_pipeline_tests.sync.builders import customer

TRACE = "Quetzalcoatl"
"""In every value of the person."""

ADDRESS = f"{TRACE}@example.com"
NAME = PersonName(TRACE, "Example", f"{TRACE} Example")


def fill(ledger: Ledger) -> None:
    """Have a person and others in every table, outcomes that were overwritten and snapshots that were replaced too."""
    named = Write("ada", "r1", (WrittenValue("name", None, None, NAME),))
    with ledger.recording("p1") as recorder:
        carry_out(recorder, named)
        carry_out(recorder, write("bob", record_id="r2"))
        recorder.record([outcome("ada", email=f"old-{ADDRESS}", record_id="r1"), outcome("bob")])
    ledger.record([outcome("ada", email=ADDRESS, record_id="r1")], pass_id="p2")
    own = customer("ada", ADDRESS, name=f"{TRACE} Example", created_at=NOON)
    others = [customer(str(number), f"{number}@example.com", created_at=NOON) for number in range(50)]
    for customers in ([own, *others], [*others, own]):
        kept = Snapshot(tuple(customers), (), read_at=NOON, polar_read_at=NOON, free_lease_token=None)
        ledger.save_snapshot("run", [NOON], kept)


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_every_row_of_a_person_is_deleted_and_no_row_of_another(ledger: Ledger) -> None:
    fill(ledger)

    assert ledger.erase("ada") == 3

    assert ledger.changes_of_customer("ada") == []
    assert ledger.recorded(["ada", "bob"]) == {"bob"}
    assert len(ledger.changes_of_customer("bob")) == 1
    kept = ledger.load_snapshot("run", [NOON])
    assert kept
    assert len(kept.customers) == 50
    assert ledger.erase("ada") == 0


def test_what_was_written_to_the_same_person_for_another_customer_goes_too(ledger: Ledger) -> None:
    # A customer that was deleted in Polar and came again has a new id, and the same person in Attio.
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("before", record_id="r1"))
        carry_out(recorder, write("after", record_id="r1", old=ADDRESS))
        carry_out(recorder, write("other", record_id="r2"))
    ledger.record([outcome("unwritten", record_id="r2")], pass_id="p1")

    ledger.erase("before")
    assert [row.polar_customer_id for row in ledger.changes_of_pass("p1")] == ["other"]

    ledger.erase("unwritten")
    assert ledger.changes_of_pass("p1") == []


def test_a_write_that_is_under_way_and_the_note_of_a_deletion_go_too(ledger: Ledger) -> None:
    fill(ledger)
    intent = {"pass_id": "p3", "planned_at": NOON, "object": "people", "action": "update", "content": "[]"}
    with ledger._database.writing() as connection:
        for number, values in enumerate(
            ({"polar_customer_id": "ada"}, {"record_id": "r1"}, {"polar_customer_id": "bob", "record_id": "r2"})
        ):
            connection.execute(sa.insert(INTENTS).values(id=number, **intent, **values))
    ledger.forget(["ada"])

    ledger.erase("ada")

    with ledger._database.reading() as connection:
        assert list(connection.execute(sa.select(INTENTS.c.polar_customer_id)).scalars()) == ["bob"]
    assert ledger.deleted_since("ada") is None


def test_a_person_that_is_left_out_stays_so_by_the_id_alone(ledger: Ledger) -> None:
    fill(ledger)
    ledger.skip("ada", why=f"{TRACE} asked us")

    ledger.erase("ada")

    assert [(row.polar_customer_id, row.why) for row in ledger.skipped_rows()] == [("ada", None)]


def test_no_byte_of_a_person_remains_in_the_file_or_beside_it(file: Path) -> None:
    ledger = Ledger(file)
    fill(ledger)
    assert TRACE.encode() in bytes_of(file.parent)

    ledger.erase("ada")

    assert TRACE.encode() not in bytes_of(file.parent)
    assert ledger.counts()[Result.CREATED] == 1


def test_nor_where_the_file_was_written_by_a_program_that_leaves_deleted_bytes(file: Path) -> None:
    ledger = Ledger(file)
    fill(ledger)
    with closing(sqlite3.connect(file)) as shell:
        shell.execute("PRAGMA secure_delete = OFF")
        shell.execute("DELETE FROM outcomes")
        shell.execute("DELETE FROM changes")
        shell.commit()
    assert TRACE.encode() in bytes_of(file.parent)

    ledger.erase("ada")

    assert TRACE.encode() not in bytes_of(file.parent)


def test_what_is_deleted_is_overwritten_at_once_by_whatever_version_of_sqlite(file: Path) -> None:
    ledger = Ledger(file)

    @sa.event.listens_for(ledger._database._engine, "connect", insert=True)
    def as_by_default_elsewhere(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA secure_delete = OFF")

    ledger.record([outcome("ada", email=ADDRESS)], pass_id="p1")
    ledger.forget(["ada"])

    assert TRACE.encode() not in bytes_of(file.parent)


def test_a_program_that_keeps_the_deleted_values_beside_the_file_is_named(file: Path) -> None:
    ledger = Ledger(file, patience=0.2)
    fill(ledger)

    with closing(sqlite3.connect(file, isolation_level=None)) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT * FROM outcomes").fetchall()
        with pytest.raises(
            LedgerError, match=r"another program has it open, .* ledger\.db-wal keeps the deleted values"
        ):
            ledger.erase("ada")
        shell.execute("COMMIT")
        ledger.erase("ada")

        assert TRACE.encode() not in bytes_of(file.parent)


def test_a_person_is_erased_while_another_program_has_the_file_open_and_reads_nothing(file: Path) -> None:
    ledger = Ledger(file)
    fill(ledger)

    with closing(sqlite3.connect(file, isolation_level=None)) as shell:
        shell.execute("SELECT * FROM outcomes").fetchall()
        ledger.erase("ada")

        assert TRACE.encode() not in bytes_of(file.parent)
