"""Backups with their time in their names: the newest stay, and no file of another name is touched."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger.rotation import dated, drop_old

LEDGER = Path("state") / "polar_attio.db"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Backups of four days."""
    for day in range(4):
        dated(tmp_path, LEDGER, NOON - timedelta(days=day)).touch()
    return tmp_path


def test_a_name_says_which_ledger_it_is_and_when() -> None:
    assert dated(Path("backups"), LEDGER, NOON) == Path("backups/polar_attio-20261130T120000Z.db")


def test_the_newest_stay(folder: Path) -> None:
    dropped = drop_old(folder, LEDGER, keep=2)

    assert names(folder) == {"polar_attio-20261130T120000Z.db", "polar_attio-20261129T120000Z.db"}
    assert [file.name for file in dropped] == ["polar_attio-20261127T120000Z.db", "polar_attio-20261128T120000Z.db"]


def test_where_there_are_fewer_nothing_goes(folder: Path) -> None:
    assert drop_old(folder, LEDGER, keep=4) == []
    assert len(names(folder)) == 4


@pytest.mark.parametrize(
    "name",
    [
        "acme-20261101T120000Z.db",
        "polar_attio.db",
        "polar_attio-20261101T120000Z.db.gpg",
        "my-polar_attio-20261101T120000Z.db",
        "polar_attio-before-the-upgrade.db",
    ],
)
def test_files_of_other_names_stay(folder: Path, name: str) -> None:
    (folder / name).touch()

    drop_old(folder, LEDGER, keep=1)

    assert names(folder) == {"polar_attio-20261130T120000Z.db", name}


def test_what_killed_backups_have_left_goes_after_a_day_and_not_before(folder: Path) -> None:
    old, new = (folder / f".polar_attio-20261101T120000Z.db.{word}.part" for word in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 90_000,) * 2)

    drop_old(folder, LEDGER, keep=9)

    assert new.exists()
    assert not old.exists()
