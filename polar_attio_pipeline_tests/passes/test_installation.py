"""What an installation keeps about itself: the day it began, and the settings that its processes have loaded."""

import json
import logging
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pydantic import SecretStr

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.installation import recorded, recorded_start_date, start_date
from polar_attio_pipeline.passes.loaded import LOADED, MOST_PROCESSES, differences, parse, with_this_process
from polar_attio_pipeline.processes import process_identity
from polar_attio_pipeline.settings import Settings

TODAY = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
TOKEN = "polar_oat_secret"
LOADING = """
from polar_attio_pipeline.passes.installation import recorded
from polar_attio_pipeline.settings import Settings
recorded(Settings())
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def settings(tmp_path: Path, **changes: Any) -> Settings:
    given = {
        "polar_access_token": SecretStr(TOKEN),
        "polar_attio_database_url": SecretStr(str(tmp_path / "ledger.db")),
    }
    return Settings(**{"_env_file": None, **given, **changes})


def test_the_hours_begin_on_the_day_of_the_first_load_and_stay_there(tmp_path: Path, ledger: Ledger) -> None:
    with time_machine.travel(TODAY, tick=False):
        first = start_date(settings(tmp_path))
    with time_machine.travel(TODAY.replace(day=28), tick=False):
        later = start_date(settings(tmp_path))

    assert first == later == date(2026, 11, 20)
    assert recorded_start_date(ledger) == date(2026, 11, 20)


def test_a_start_date_in_the_settings_wins_and_opens_no_ledger(tmp_path: Path) -> None:
    found = start_date(settings(tmp_path, polar_attio_start_date=date(2026, 12, 1)))

    assert found == date(2026, 12, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["folder/", "mysql://root:hunter2@db/ledger", "postgresql://polar:hunter2@127.0.0.1:1/ledger"]
)
def test_without_a_usable_ledger_hours_begin_today_and_the_log_says_why_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    began = time.monotonic()

    with time_machine.travel(TODAY, tick=True):
        found = start_date(recorded(settings(tmp_path, polar_attio_database_url=SecretStr(url))))

    assert found == date(2026, 11, 20)
    assert time.monotonic() - began < 15
    (said,) = (record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert "the hourly partitions begin today" in said
    assert "\n" not in said
    assert "hunter2" not in caplog.text


def test_a_ledger_that_another_program_keeps_locked_does_not_keep_the_pipeline_from_loading(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.counts()

    with ledger._database.writing():
        found = start_date(settings(tmp_path))

    assert found == datetime.now(UTC).date()
    assert "was locked by another program" in caplog.text


def test_the_settings_that_were_loaded_are_on_record_without_their_secrets(tmp_path: Path, ledger: Ledger) -> None:
    loaded = recorded(settings(tmp_path, polar_attio_overlap_hours=7))

    (load,) = parse(ledger.fact(LOADED))
    assert loaded.polar_attio_overlap_hours == 7
    assert load.process == process_identity()
    assert load.values["POLAR_ATTIO_OVERLAP_HOURS"] == "7"
    assert load.values["POLAR_ACCESS_TOKEN"] == "set"
    assert TOKEN not in (ledger.fact(LOADED) or "")
    assert list(differences(load, loaded)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("polar_attio_overlap_hours", 3),
        ("polar_access_token", SecretStr("another")),
        ("polar_api_url", "https://there"),
    ],
)
def test_a_setting_that_has_changed_since_is_named(tmp_path: Path, ledger: Ledger, name: str, value: object) -> None:
    recorded(settings(tmp_path))

    (load,) = parse(ledger.fact(LOADED))
    assert list(differences(load, settings(tmp_path, **{name: value}))) == [name.upper()]


def test_two_loads_of_one_secret_have_different_hashes(tmp_path: Path, ledger: Ledger) -> None:
    recorded(settings(tmp_path))
    before = ledger.fact(LOADED)
    recorded(settings(tmp_path))

    assert parse(before)[0].hashes.keys() == {"POLAR_ACCESS_TOKEN", "ATTIO_API_KEY", "POLAR_ATTIO_DATABASE_URL"} | {
        "POLAR_ATTIO_ALERT_URLS"
    }
    assert not set(parse(before)[0].hashes.values()) & set(parse(ledger.fact(LOADED))[0].hashes.values())


def test_a_process_that_has_ended_is_forgotten_by_the_next_one_that_loads(
    tmp_path: Path, ledger: Ledger, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", str(tmp_path / "ledger.db"))
    subprocess.run([sys.executable, "-c", LOADING], check=True)
    (ended,) = parse(ledger.fact(LOADED))

    recorded(settings(tmp_path))

    (now,) = parse(ledger.fact(LOADED))
    assert (ended.process != process_identity(), now.process) == (True, process_identity())


def test_processes_of_other_machines_are_kept_but_not_without_end(tmp_path: Path) -> None:
    here = settings(tmp_path)
    (load,) = parse(with_this_process(None, here, TODAY))
    elsewhere = [
        load.model_copy(update={"process": json.dumps({"host": f"other-{number}", "pid": 1, "started": 1})})
        for number in range(MOST_PROCESSES + 5)
    ]
    known = json.dumps([one.model_dump(mode="json") for one in elsewhere])

    kept = parse(with_this_process(known, here, TODAY))

    assert len(kept) == MOST_PROCESSES
    assert kept[0].process == process_identity()


def test_what_another_version_has_written_is_replaced(tmp_path: Path, ledger: Ledger) -> None:
    ledger.set_fact(LOADED, '{"version": 2}')

    recorded(settings(tmp_path))

    assert [load.process for load in parse(ledger.fact(LOADED))] == [process_identity()]
