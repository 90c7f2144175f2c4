"""What doctor says of the ledger: whether a pass could use it, and what it keeps about the installation."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from polar_attio_pipeline.cli.checks import ledger as ledger_check
from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.engine import prepare
from polar_attio_pipeline.passes.installation import START_DATE, recorded
from polar_attio_pipeline.passes.loaded import LOADED
from polar_attio_pipeline.settings import Settings

TODAY = date(2026, 11, 20)


def settings(place: Path | str, **changes: Any) -> Settings:
    return Settings(**{"_env_file": None, "polar_attio_database_url": SecretStr(str(place)), **changes})


def judged(place: Path | str, **changes: Any) -> dict[str, Finding]:
    return {finding.subject: finding for finding in ledger_check.ledger(settings(place, **changes), TODAY)}


def test_a_start_date_that_is_neither_set_nor_on_record_is_said_to_be_the_day_of_the_first_load(tmp_path: Path) -> None:
    found = judged(tmp_path / "ledger.db")["start date"]

    assert found.level is Level.OK
    assert found.text.startswith("Hours will begin on the day, UTC, on which Dagster first loads the pipeline")
    assert list(tmp_path.iterdir()) == []


def test_a_start_date_on_record_is_said_with_where_it_comes_from(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").set_fact(START_DATE, "2026-11-05")

    found = judged(tmp_path / "ledger.db")["start date"]

    assert found == Finding(
        "start date", Level.OK, "Hours since 2026-11-05, UTC: the day of the first load, as the ledger keeps it."
    )


def test_a_start_date_in_the_settings_wins_over_the_one_on_record(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").set_fact(START_DATE, "2026-11-05")

    found = judged(tmp_path / "ledger.db", polar_attio_start_date=date(2026, 11, 9))["start date"]

    assert found.text == "Hours since 2026-11-09, UTC, as POLAR_ATTIO_START_DATE says."


def test_a_start_date_to_come_is_a_warning(tmp_path: Path) -> None:
    found = judged(tmp_path / "ledger.db", polar_attio_start_date=date(2026, 12, 1))

    assert found["start date"].level is Level.WARN


def test_a_running_process_with_the_same_settings_is_well(tmp_path: Path) -> None:
    recorded(settings(tmp_path / "ledger.db"))

    assert judged(tmp_path / "ledger.db")["running"].level is Level.OK


def test_a_setting_that_a_running_process_has_not_loaded_is_named_without_its_value(tmp_path: Path) -> None:
    recorded(settings(tmp_path / "ledger.db", polar_access_token=SecretStr("polar_oat_old")))

    found = judged(tmp_path / "ledger.db", polar_access_token=SecretStr("polar_oat_new"), polar_attio_overlap_hours=7)[
        "running"
    ]

    assert found.level is Level.WARN
    assert (
        f"with other values of POLAR_ACCESS_TOKEN, POLAR_ATTIO_OVERLAP_HOURS (process {os.getpid()}): restart it"
        in found.text
    )
    assert "polar_oat" not in found.text


def test_processes_that_have_ended_or_run_elsewhere_are_not_judged(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    recorded(settings(file))
    (mine,) = json.loads(Ledger(file).fact(LOADED) or "")
    process = json.loads(mine["process"])
    ended = {**mine, "process": json.dumps(process | {"started": process["started"] - 3600})}
    elsewhere = {**mine, "process": json.dumps(process | {"host": "elsewhere"})}
    Ledger(file).set_fact(LOADED, json.dumps([ended, elsewhere]))

    assert "running" not in judged(file, polar_attio_overlap_hours=7)


def test_a_ledger_below_a_file_or_at_a_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert judged(tmp_path / "file" / "ledger.db")["ledger"].level is Level.FAIL
    assert judged(tmp_path)["ledger"].level is Level.FAIL


def test_a_ledger_that_does_not_exist_yet_is_tried_out_beside_and_leaves_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path / "some" / "folder" / "ledger.db")["ledger"]

    assert (found.level, "the next pass will create it" in found.text) == (Level.OK, True)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_exists_is_opened_as_a_pass_does_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    Ledger(file).set_fact("organization", "acme")
    before = file.read_bytes()

    found = judged(file)["ledger"]

    assert (found.level, found.text) == (Level.OK, str(file))
    assert file.read_bytes() == before


def test_an_empty_ledger_is_said_to_get_its_tables_by_the_next_pass(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    prepare(file, name="ledger")

    found = judged(file)["ledger"]

    assert (found.level, "by the next pass" in found.text) == (Level.OK, True)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []


def test_a_ledger_that_is_none_or_locked_fails_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_check, "PATIENCE", 0.1)
    (tmp_path / "other.db").write_bytes(b"another program's file" * 100)
    file = tmp_path / "ledger.db"
    Ledger(file).counts()

    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        locked = judged(file)["ledger"]

    assert (locked.level, "was locked by another program" in locked.text) == (Level.FAIL, True)
    other = judged(tmp_path / "other.db")["ledger"]
    assert (other.level, "no SQLite database" in other.text) == (Level.FAIL, True)
    assert judged("mysql://root:hunter2@db/ledger")["ledger"].level is Level.FAIL


def test_a_ledger_with_damage_where_no_pass_has_looked_yet_fails(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    known = Ledger(file)
    known.set_fact("much", "x" * 400_000)
    known.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[-80_000:-40_000] = b"damage" * 10_000
    file.write_bytes(content)

    found = judged(file)["ledger"]

    assert (found.level, "restore the newest backup that is whole" in found.text) == (Level.FAIL, True)
    assert "\n" not in found.text


def test_the_address_that_the_ui_has_found_for_itself_is_no_other_setting(tmp_path: Path) -> None:
    recorded(settings(tmp_path / "ledger.db", polar_attio_dagster_url="http://127.0.0.1:3001"))

    assert judged(tmp_path / "ledger.db")["running"].level is Level.OK
    changed = judged(tmp_path / "ledger.db", polar_attio_dagster_url="https://dagster.example.com")["running"]
    assert (changed.level, "POLAR_ATTIO_DAGSTER_URL" in changed.text) == (Level.WARN, True)


def test_a_ledger_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    Ledger(file).set_fact("is", "there")
    file.chmod(0o644)

    found = judged(file)["ledger"]

    assert (found.level, f"chmod 600 {file}" in found.text) == (Level.WARN, True)
