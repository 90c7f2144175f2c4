"""How the sync stands: what the ledger, the services and the grid of hours say, and whether that is well. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.ledger import Holder, Ledger, PassRow, ReasonCount
from polar_attio_pipeline.passes.approvals import waiting
from polar_attio_pipeline.passes.lifecycle import FINISHED, RECONCILIATION, STOPPED
from polar_attio_pipeline.sync.outcomes import FAILED, Result, due_in_attio

PASSES_SHOWN = 20
"""The newest passes."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of the two services.

    Attributes:
        name: Of the service.
        problem: Why it cannot be used; None if it can.
    """

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """What Dagster knows of the hours, and when it begins the next passes.

    Attributes:
        start: The first hour.
        missing: Hours that are over and were never synced, the oldest first.
        watermark: Every hour before this one is done.
        next_hourly: When the hourly schedule is due next, UTC.
        next_reconciliation: When the next reconciliation is due by its schedule, UTC.
    """

    start: datetime
    missing: Sequence[datetime]
    watermark: datetime
    next_hourly: datetime
    next_reconciliation: datetime


class GridUnknownError(Exception):
    """The hours are not known although there should be an instance of Dagster; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says.

    Attributes:
        name: Of the ledger.
        counts: Customers by result.
        reasons: Those that are not in Attio as they should be, by reason.
        passes: The newest passes, the newest first.
        newest: The newest pass of each kind, but for those that a person or the machine has stopped.
        reconciled: The newest reconciliation that has done all that it was to do; None where there is none.
        waiting: What a guard has stopped and a person has to approve, by the name that it is approved by.
        lease: Who may write.
        skipped: How many customers are left out on purpose.
        deleted: How many customers Polar no longer has whose history is still kept.
    """

    name: str
    counts: Mapping[Result, int]
    reasons: Sequence[ReasonCount]
    passes: Sequence[PassRow]
    newest: Mapping[str, PassRow]
    reconciled: PassRow | None
    waiting: Sequence[str]
    lease: Holder
    skipped: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is not well.

    Attributes:
        reconciled_within: A reconciliation has to have finished within this time.
        failed_share: At most this share of the customers may be rejected or ambiguous.
        overdue: An hour may be missing for so long after its end.
    """

    reconciled_within: timedelta = timedelta(hours=26)
    failed_share: float = 0.05
    overdue: timedelta = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Status:
    """All of it.

    Attributes:
        standing: What the ledger says.
        services: Empty where they were not asked.
        grid: None where there is no Dagster to ask.
        problems: What is not well, in sentences.
    """

    standing: Standing
    services: Sequence[Service] = ()
    grid: Grid | None = None
    problems: Sequence[str] = field(default_factory=tuple)


def standing(ledger: Ledger) -> Standing:
    """Return what the ledger says.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    return Standing(
        name=ledger.name,
        counts=ledger.counts(),
        reasons=ledger.reasons(),
        passes=ledger.newest_passes(PASSES_SHOWN),
        newest=ledger.newest_but(STOPPED),
        reconciled=ledger.newest_that_ended(FINISHED).get(RECONCILIATION),
        waiting=sorted({stopped.name for stopped in waiting(ledger)}),
        lease=ledger.lease_holder(),
        skipped=len(ledger.skipped()),
        deleted=ledger.deleted_count(),
    )


def status(
    found: Standing, services: Sequence[Service], grid: Grid | GridUnknownError | None, *, limits: Limits, now: datetime
) -> Status:
    """Judge how the sync stands.

    Args:
        found: What the ledger says.
        services: What asking them came to; empty where they were not asked.
        grid: What Dagster says, or why it could not be asked; None where there is none to ask.
        limits: From when on something is not well.
        now: The time, UTC.
    """
    problems = [f"{service.name}: {service.problem}" for service in services if service.problem]
    problems += _of_passes(found, limits, now)
    problems += _of_customers(found, limits)
    if isinstance(grid, GridUnknownError):
        return Status(found, tuple(services), None, (*problems, str(grid)))
    if grid:
        overdue = [hour for hour in grid.missing if hour + HOUR + limits.overdue <= now]
        if overdue:
            problems.append(f"Hours that ended long ago were never synced: {hours(overdue)}.")
    return Status(found, tuple(services), grid, tuple(problems))


def hours(missing: Sequence[datetime]) -> str:
    """Return how many hours there are, and which: the first and the last of them."""
    if len(missing) <= 2:
        return ", ".join(map(key, missing))
    return f"{len(missing)} from {key(missing[0])} to {key(missing[-1])}"


def owner(lease: Holder) -> str | None:
    """Return who holds the lease: what it does, and in which process; None where it is free."""
    if lease.owner is None:
        return None
    try:
        process = json.loads(lease.owner)
        return f"{lease.activity}, in process {process['pid']} on {process['host']}"
    except (ValueError, TypeError, KeyError):
        return lease.activity


def _of_passes(found: Standing, limits: Limits, now: datetime) -> list[str]:
    problems = [f"Passes wait for an approval: `polar-attio approve` shows {name}." for name in found.waiting]
    for kind, row in found.newest.items():
        began = f"{row.began_at:%Y-%m-%d %H:%M} UTC"
        if row.ended is None and found.lease.owner is None:
            problems.append(f"The newest pass of the kind {kind}, of {began}, has ended without a word.")
        elif row.ended not in {None, FINISHED}:
            problems.append(f"The newest pass of the kind {kind}, of {began}, failed: {row.ended}")
    last = found.reconciled
    if last is None:
        problems.append("No reconciliation has finished yet: run `polar-attio sync`, or launch full_reconciliation.")
    elif now - (last.ended_at or last.began_at) > limits.reconciled_within:
        problems.append(
            f"The newest reconciliation that finished is of {last.began_at:%Y-%m-%d %H:%M} UTC, more than "
            f"{limits.reconciled_within / HOUR:g} hours ago."
        )
    return problems


def _of_customers(found: Standing, limits: Limits) -> list[str]:
    failed, due = sum(found.counts[result] for result in FAILED), due_in_attio(found.counts)
    if not due or failed / due <= limits.failed_share:
        return []
    return [f"{failed:,} of {due:,} customers not in Attio as they should be: more than {limits.failed_share:.0%}."]
