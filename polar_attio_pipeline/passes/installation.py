"""What an installation keeps about itself: the day it began, and the settings that its processes have loaded."""

import logging
from datetime import UTC, date, datetime

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.loaded import LOADED, with_this_process
from polar_attio_pipeline.settings import Settings

START_DATE = "start_date"
"""The fact that holds the first day of the hourly partitions, where no setting names one."""

PATIENCE = 2.0
"""Seconds that loading waits for other writers of the ledger: without the ledger it goes on."""

_log = logging.getLogger(__name__)


def start_date(settings: Settings) -> date:
    """Return the first day of the hourly partitions.

    Without the setting it is the day, UTC, on which it was asked for first: the ledger keeps that. Where the ledger
    cannot be used it is today, with a warning in the log, and is asked for again the next time.
    """
    if settings.polar_attio_start_date:
        return settings.polar_attio_start_date
    today = datetime.now(UTC).date()
    try:
        return date.fromisoformat(_ledger(settings).update_fact(START_DATE, lambda known: known or today.isoformat()))
    except LedgerError as error:
        _log.warning(
            "%s Until the ledger can be used, or POLAR_ATTIO_START_DATE is set, the hourly partitions begin today.",
            error,
        )
        return today


def recorded_start_date(ledger: Ledger) -> date | None:
    """Return the day that the ledger keeps; None if there is none.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    known = ledger.fact(START_DATE)
    return date.fromisoformat(known) if known else None


def recorded(settings: Settings) -> Settings:
    """Return the settings, and note in the ledger that this process has loaded them, for `polar-attio doctor`.

    Of a secret only a salted hash is noted. Without a usable ledger nothing is noted: each pass says what is wrong with
    it.
    """
    try:
        _ledger(settings).update_fact(LOADED, lambda known: with_this_process(known, settings, datetime.now(UTC)))
    except LedgerError as error:
        _log.debug("The settings that this process has loaded could not be noted: %s", error)
    return settings


def _ledger(settings: Settings) -> Ledger:
    return ledger_of(settings, patience=PATIENCE)
