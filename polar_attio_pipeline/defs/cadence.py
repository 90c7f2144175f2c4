"""When the next reconciliation is due: rules of values, without Dagster's instance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from polar_attio_pipeline.defs.dagster_private import last_cron_time, next_cron_time

LOOK_EVERY = timedelta(minutes=10)
"""How often the schedule looks whether one is due."""

FIRST_PAUSE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(hours=4)
"""After failures: 10 minutes, 20, 40, and so on, at most this."""


@dataclass(frozen=True, slots=True)
class History:
    """What became of earlier reconciliations, by whatever means they were started.

    Attributes:
        under_way: Whether one is queued or running.
        succeeded: When the newest one that succeeded began; None when none ever did.
        failures: How many have failed since.
        failed: When the newest of these ended.
        cancelled: When the newest one of all ended, if a person cancelled it.
    """

    under_way: bool = False
    succeeded: datetime | None = None
    failures: int = 0
    failed: datetime | None = None
    cancelled: datetime | None = None


def not_due(history: History, cron: str, now: datetime) -> str | None:
    """Return why no reconciliation is due, and when the next one is; None when one is due."""
    if history.under_way:
        return "A reconciliation is queued or running."
    scheduled, following = last_cron_time(cron, now), _say(next_cron_time(cron, now + timedelta(seconds=1)))
    if history.cancelled and history.cancelled >= scheduled:
        return f"The newest reconciliation was cancelled by hand. The next one is due at {following}."
    if history.succeeded and history.succeeded >= scheduled:
        return f"The newest reconciliation began at {_say(history.succeeded)}. The next one is due at {following}."
    if history.failed:
        retry = history.failed + pause(history.failures)
        return f"{_failed(history.failures)} The next try is due at {_say(retry)}." if now < retry else None
    if history.succeeded is None and now - scheduled >= LOOK_EVERY:
        return (
            "No reconciliation has succeeded yet: launch a full reconciliation by hand for the first import. The first "
            f"one that begins by itself is due at {following}."
        )
    return None


def companies_not_due(history: History, reconciled: datetime | None, now: datetime) -> str | None:
    """Return why no pass over companies is due, and when the next one is; None when one is due.

    Args:
        history: Of passes over companies.
        reconciled: When the newest reconciliation that succeeded began.
        now: The time.
    """
    if history.under_way:
        return "A pass over companies is queued or running."
    if reconciled is None:
        return "No reconciliation has succeeded yet, and companies follow one."
    if history.cancelled and history.cancelled >= reconciled:
        return "The newest pass over companies was cancelled by hand. The next one follows the next reconciliation."
    if history.succeeded and history.succeeded >= reconciled:
        return f"The newest pass over companies began at {_say(history.succeeded)}. One follows each reconciliation."
    if history.failed:
        retry = history.failed + pause(history.failures)
        return f"The newest pass over companies failed. The next try is due at {_say(retry)}." if now < retry else None
    return None


def pause(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    doublings = min(failures - 1, (LONGEST_PAUSE // FIRST_PAUSE).bit_length())
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _failed(failures: int) -> str:
    which = "The newest reconciliation" if failures == 1 else f"The newest {failures} reconciliations"
    return f"{which} failed: look at the newest failed run."


def _say(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
