"""A ledger in Postgres is saved and restored by the commands that are printed, as they are printed."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.dumping import dump_command, restore_command
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline_tests.ledger import postgres
from polar_attio_pipeline_tests.ledger.builders import carry_out, outcome, write


def run(command: str) -> None:
    program = shlex.split(command)
    found = shutil.which(program[0])
    if not found:
        pytest.skip(f"{program[0]} is not installed (Debian: apt install postgresql-client)")
    subprocess.run([found, *program[1:]], check=True, env={**os.environ, "PGPASSWORD": "any"})


def test_what_was_written_since_the_dump_is_gone_after_the_restore_and_other_tables_stay(
    port: int, tmp_path: Path
) -> None:
    url = postgres.create_database(port, uuid4().hex)
    ledger, place = Ledger(url), locate(url)
    ledger.record([outcome("ada")], pass_id="p1")
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("ada"))
    history = ledger.all_changes()
    target = tmp_path / "the ledger.dump"

    run(dump_command(place, target))
    with ledger.recording("p2") as recorder:
        carry_out(recorder, write("bob"))
    with ledger._database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE runs AS SELECT 1 AS of_dagster")
    run(restore_command(place, target))

    assert ledger.all_changes() == history
    with ledger.recording("p3") as recorder:
        carry_out(recorder, write("cleo"))
    assert len(ledger.all_changes()) > len(history), "numbers of rows go on"
    with ledger._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT of_dagster FROM runs").scalar_one() == 1


def test_a_dump_makes_a_ledger_in_an_empty_database(port: int, tmp_path: Path) -> None:
    url, empty = (postgres.create_database(port, uuid4().hex) for _ in range(2))
    Ledger(url).record([outcome("ada")], pass_id="p1")

    run(dump_command(locate(url), tmp_path / "dump"))
    run(restore_command(locate(empty), tmp_path / "dump"))

    assert Ledger(empty).counts() == Ledger(url).counts()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr3t@db:5433/ledger?sslmode=require",
        "postgresql+psycopg://me:s3cr3t@db/ledger",
        "postgresql://me@db/ledger?password=s3cr3t&sslmode=require",
    ],
)
def test_the_commands_name_everything_but_the_password(url: str) -> None:
    place = locate(url)

    for command in (dump_command(place, Path("a file")), restore_command(place, Path("a file"))):
        assert "s3cr3t" not in command
        assert "postgresql://me@db" in command
        assert "/ledger" in command
        assert "'--file=a file'" in command or command.endswith("'a file'")
    assert ("sslmode=require" in dump_command(place, Path("x"))) is ("sslmode" in url)
