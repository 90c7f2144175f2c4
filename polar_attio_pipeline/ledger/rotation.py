"""Backups with their time in their names, of which the newest are kept."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from polar_attio_pipeline.ledger.backup import PART
from polar_attio_pipeline.ledger.errors import LedgerError

_UNFINISHED = timedelta(days=1)
"""A copy that is not finished after so long belongs to a process that was killed."""


def dated(folder: Path, ledger: Path, now: datetime) -> Path:
    """Return where the next backup of a ledger goes: names sort as time does."""
    return folder / f"{ledger.stem}-{now:%Y%m%dT%H%M%SZ}{ledger.suffix}"


def drop_old(folder: Path, ledger: Path, *, keep: int) -> list[Path]:
    """Delete all but the newest backups of a ledger, and what killed backups have left; nothing of other names.

    Args:
        folder: Where they are.
        ledger: The file that they are copies of.
        keep: How many stay; at least one.

    Returns:
        The backups that were deleted.

    Raises:
        LedgerError: one of them cannot be deleted.
    """
    stem, suffix = re.escape(ledger.stem), re.escape(ledger.suffix)
    pattern = re.compile(rf"{stem}-\d{{8}}T\d{{6}}Z{suffix}")
    unfinished = re.compile(rf"\.{stem}-\d{{8}}T\d{{6}}Z{suffix}\..*{re.escape(PART)}")
    try:
        backups = sorted(file for file in folder.iterdir() if pattern.fullmatch(file.name))
        left = [file for file in folder.iterdir() if unfinished.fullmatch(file.name) and _is_old(file)]
        old = backups[: -max(keep, 1)]
        for file in (*old, *left):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"Old backups in {folder} cannot be deleted ({error.strerror}).") from error
    return old


def _is_old(file: Path) -> bool:
    return datetime.now(UTC) - datetime.fromtimestamp(file.stat().st_mtime, UTC) > _UNFINISHED
