"""When the sync is well and when it is not: each rule by itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.ledger import Holder, PassRow
from polar_attio_pipeline.passes.lifecycle import FINISHED, STOPPED
from polar_attio_pipeline.passes.status import Grid, Limits, Service, Standing, hours, owner, status
from polar_attio_pipeline.sync.outcomes import Result

NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
FREE = Holder(owner=None, activity="", heartbeats=0, fencing_token=3)
HELD = Holder('{"host": "one", "pid": 7}', "a reconciliation of everything", heartbeats=2, fencing_token=4)


def row(kind: str = "reconciliation", *, ago: float = 1, ended: str | None = FINISHED) -> PassRow:
    """A pass that began so many hours ago and took no time."""
    at = NOW - HOUR * ago
    return PassRow(f"{kind} {ago}", kind, "test", at, at if ended else None, ended, {}, None, 0)


def standing(passes: Sequence[PassRow] | None = None, **fields: Any) -> Standing:
    """A ledger in which all is well, but for what a test says; passes are the newest of their kinds."""
    passes = [row()] if passes is None else passes
    finished = [one for one in passes if one.kind == "reconciliation" and one.ended == FINISHED]
    known = Standing(
        name="ledger.db",
        counts=dict.fromkeys(Result, 0) | {Result.CREATED: 100},
        reasons=(),
        passes=passes,
        newest={one.kind: one for one in reversed(passes) if one.ended != STOPPED},
        reconciled=finished[0] if finished else None,
        waiting=(),
        lease=FREE,
        skipped=0,
        deleted=0,
    )
    return replace(known, **fields)


def problems(
    found: Standing, *services: Service, grid: Grid | None = None, limits: Limits | None = None
) -> Sequence[str]:
    return status(found, services, grid, limits=limits or Limits(), now=NOW).problems


def grid(*missing: datetime) -> Grid:
    return Grid(NOW - HOUR * 100, missing, min(missing, default=NOW), NOW + HOUR, NOW + HOUR)


def test_all_is_well_where_nothing_is_wrong() -> None:
    assert problems(standing(), Service("Polar"), Service("Attio"), grid=grid()) == ()


def test_a_service_that_cannot_be_used_is_named() -> None:
    assert problems(standing(), Service("Polar"), Service("Attio", "The key is revoked.")) == (
        "Attio: The key is revoked.",
    )


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        (
            [row("hourly", ended="Polar is down."), row()],
            "hourly, of 2026-11-30 11:30 UTC, failed: Polar is down.",
        ),
        ([row("hourly", ended=None), row()], "kind hourly, of 2026-11-30 11:30 UTC, has ended without a word."),
        ([], "No reconciliation has finished yet"),
        ([row("hourly")], "No reconciliation has finished yet"),
        ([row(ago=27)], "is of 2026-11-29 09:30 UTC, more than 26 hours ago."),
        ([row(ago=1, ended=STOPPED), row(ago=27)], "more than 26 hours ago."),
    ],
)
def test_passes_that_are_not_well(passes: list[PassRow], said: str) -> None:
    (problem,) = problems(standing(passes))

    assert said in problem


@pytest.mark.parametrize(
    "passes",
    [
        [row("hourly", ago=1), row("hourly", ago=2, ended="Polar is down."), row()],
        [row("hourly", ago=1, ended=STOPPED), row()],
        [row(ago=25.9)],
    ],
    ids=["failed before, then well", "stopped by a person", "just in time"],
)
def test_passes_that_are_well(passes: list[PassRow]) -> None:
    assert problems(standing(passes)) == ()


def test_a_pass_without_an_end_is_under_way_while_the_lease_is_held() -> None:
    assert problems(standing([row("hourly", ended=None), row()], lease=HELD)) == ()


@pytest.mark.parametrize(("failed", "is_well"), [(5, True), (6, False)])
def test_too_many_customers_that_are_not_in_attio(failed: int, is_well: bool) -> None:
    counts = dict.fromkeys(Result, 0) | {Result.CREATED: 100 - failed, Result.REJECTED: failed}

    found = problems(standing(counts={**counts, Result.EXCLUDED: 50}))

    assert (found == ()) is is_well
    assert is_well or found == ("6 of 100 customers not in Attio as they should be: more than 5%.",)


def test_an_hour_that_has_just_ended_is_not_overdue_and_one_of_long_ago_is() -> None:
    over = NOW.replace(minute=0)

    assert problems(standing(), grid=grid(over - HOUR)) == ()
    (problem,) = problems(standing(), grid=grid(over - 5 * HOUR, over - HOUR))
    assert problem == "Hours that ended long ago were never synced: 2026-11-30-07:00."


def test_many_hours_are_said_by_the_first_and_the_last() -> None:
    start = NOW.replace(minute=0)

    assert hours([start, start + HOUR, start + 2 * HOUR]) == "3 from 2026-11-30-12:00 to 2026-11-30-14:00"


def test_who_holds_the_lease_is_said_whatever_process_it_is() -> None:
    assert owner(FREE) is None
    assert owner(HELD) == "a reconciliation of everything, in process 7 on one"
    assert owner(replace(HELD, owner="unknown")) == "a reconciliation of everything"


def test_limits_are_settings() -> None:
    assert problems(standing([row(ago=27)]), limits=Limits(reconciled_within=timedelta(hours=170))) == ()


def test_what_waits_for_an_approval_is_not_well_and_named() -> None:
    (problem,) = problems(standing(waiting=["many-changes"]))

    assert problem == "Passes wait for an approval: `polar-attio approve` shows many-changes."
