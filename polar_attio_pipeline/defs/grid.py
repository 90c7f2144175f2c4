"""What Dagster's instance knows of the hours, for programs that are no part of it."""

from datetime import UTC, datetime, time, timedelta

import dagster as dg

from polar_attio_pipeline.cron import effective
from polar_attio_pipeline.defs.dagster_private import newest_materializations, next_cron_time
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.installation import recorded_start_date
from polar_attio_pipeline.passes.status import Grid
from polar_attio_pipeline.settings import Settings

_WINDOW = 1000
"""Hours looked at in one question."""

_WINDOWS = 20
"""Questions at most: some two years of hours, the newest."""


def grid_of(settings: Settings, ledger: Ledger, *, now: datetime, names: Names | None = None) -> Grid | None:
    """Return what the instance of DAGSTER_HOME knows; None where the pipeline was never loaded, so that no hour is due.

    Args:
        settings: The first day, and the cadences.
        ledger: Keeps the first day, where no setting names one.
        now: The time, UTC.
        names: Of the instance of the pipeline.

    Raises:
        LedgerError: the ledger cannot be used.
        dagster.DagsterError: the instance cannot be used.
    """
    first_day = settings.polar_attio_start_date or recorded_start_date(ledger)
    if first_day is None:
        return None
    end = floor(now)
    start = min(datetime.combine(first_day, time(), UTC), end)
    looked_at = between(max(start, end - HOUR * _WINDOW * _WINDOWS), end - HOUR)
    with dg.DagsterInstance.get() as instance:
        missing = _missing(instance, (names or Names()).people.asset, looked_at)
    cron = effective(settings.polar_attio_reconciliation_cron)
    return Grid(
        start=start,
        missing=missing,
        watermark=missing[0] if missing else end,
        next_hourly=_next_hourly(now, settings.polar_attio_hourly_minute),
        next_reconciliation=next_cron_time(cron, now),
    )


def _missing(instance: dg.DagsterInstance, asset: dg.AssetKey, hours: list[datetime]) -> list[datetime]:
    missing: list[datetime] = []
    for start in range(0, len(hours), _WINDOW):
        some = hours[start : start + _WINDOW]
        done = newest_materializations(instance, asset, set(map(key, some)))
        missing += [hour for hour in some if key(hour) not in done]
    return missing


def _next_hourly(now: datetime, minute: int) -> datetime:
    due = floor(now) + timedelta(minutes=minute)
    return due if due > now else due + HOUR
