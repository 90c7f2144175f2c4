"""Two of the states that `alerts` watches: hours that fail, and hours that are overdue."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

import dagster as dg

from polar_attio_pipeline.defs.dagster_private import newest_materializations
from polar_attio_pipeline.defs.runs import began_at, cause_of, hours_of, runs_of
from polar_attio_pipeline.defs.sensors.cursor_requests import name_hours
from polar_attio_pipeline.defs.sensors.notices import FAILING_HOURS, OVERDUE_HOURS, State
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.defs.stopped import waits_for_changes
from polar_attio_pipeline.hours import HOUR, between, floor, key

IN_A_ROW = 2
"""So many failed runs in a row make an hour a failing one: a single one is tried again within minutes."""

MOST_HOURS = 500
"""Failing hours judged in a tick, the newest: what is looked up stays bounded."""

WINDOW = 1000
"""Hours looked at in one question, and how many questions a tick asks."""
WINDOWS = 10


def failing_hours(look: Look, known: Mapping[datetime, int]) -> tuple[State, dict[datetime, int]]:
    """Return the state of the hours that fail, by whatever means their runs were started, and what to remember of them.

    An hour that was found to fail stays in view until it succeeds, however many other runs fail meanwhile. Runs that
    were stopped because they would have changed too many people are no failures.

    Args:
        look: The look that is taken.
        known: Hours that were failing, each with the storage id of its newest materialisation, 0 for none.
    """
    people = look.watched.names.people
    ended = runs_of(look.instance, people, [dg.DagsterRunStatus.FAILURE])
    failed = [record for record in ended if not waits_for_changes(record.dagster_run)]
    span = (look.watched.start, floor(look.now))
    covered = [(record, hours_of(record.dagster_run, first=span[0], last=span[1])) for record in failed]
    often = Counter(hour for _, hours in covered for hour in hours)
    suspects = sorted((hour for hour, count in often.items() if count >= IN_A_ROW), reverse=True)[:MOST_HOURS]
    ids = newest_materializations(look.instance, people.asset, set(map(key, {*suspects, *known})))
    in_a_row = _in_a_row(look, covered, {hour: ids.get(key(hour), 0) for hour in suspects})
    bad = {hour for hour, count in in_a_row.items() if count >= IN_A_ROW}
    bad |= {hour for hour, storage_id in known.items() if ids.get(key(hour), 0) == storage_id}
    if not bad:
        return State(FAILING_HOURS, None), {}
    newest = next((record for record, hours in covered if bad.intersection(hours)), None)
    problem = f"{_how_many(sorted(bad), max([IN_A_ROW, *(in_a_row[hour] for hour in bad)]))}.{_why(look, newest)}"
    return State(FAILING_HOURS, problem), {hour: ids.get(key(hour), 0) for hour in bad}


def _in_a_row(
    look: Look, covered: Collection[tuple[dg.RunRecord, list[datetime]]], newest: Mapping[datetime, int]
) -> Counter[datetime]:
    """Return how many runs have failed since the newest success of each of these hours."""
    times = _times(look, {storage_id for storage_id in newest.values() if storage_id})
    since = {hour: times.get(storage_id, 0.0) for hour, storage_id in newest.items()}
    return Counter(
        hour
        for record, hours in covered
        for hour in hours
        if hour in since and began_at(record).timestamp() > since[hour]
    )


def _times(look: Look, storage_ids: Collection[int]) -> dict[int, float]:
    """Return when these materialisations were recorded, in seconds since the epoch."""
    if not storage_ids:
        return {}
    wanted = dg.AssetRecordsFilter(asset_key=look.watched.names.people.asset, storage_ids=sorted(storage_ids))
    records = look.instance.fetch_materializations(wanted, limit=len(storage_ids)).records
    return {record.storage_id: record.timestamp for record in records}


def _how_many(hours: list[datetime], in_a_row: int) -> str:
    if len(hours) == 1:
        return f"One hour has failed {in_a_row} times in a row: {name_hours(hours)}"
    return f"{len(hours)} hours have failed up to {in_a_row} times in a row: {name_hours(hours)}"


def _why(look: Look, record: dg.RunRecord | None) -> str:
    if record is None:
        return f" Look at the newest failed runs ({look.link('runs')})."
    run_id = record.dagster_run.run_id
    return f" The newest of these runs says: {cause_of(look.instance, run_id)} See {look.link(f'runs/{run_id}')}"


def overdue_hours(
    look: Look, complete_until: datetime, *, waiting: Collection[str] = ()
) -> tuple[State | None, datetime]:
    """Return the state of the hours that ended long ago and were never materialised, and from where to look next time.

    None while so many hours have still to be looked at that a tick does not reach the newest: the next one goes on.

    Args:
        look: The look that is taken.
        complete_until: Every hour before this one has been materialised.
        waiting: Partition keys of hours that wait until a person approves their changes: these are announced as such.
    """
    end = floor(look.now - look.watched.overdue)
    for _ in range(WINDOWS):
        if complete_until >= end:
            return State(OVERDUE_HOURS, None), complete_until
        hours = between(complete_until, min(end, complete_until + HOUR * WINDOW) - HOUR)
        missing = _missing(look, hours)
        late = [hour for hour in missing if key(hour) not in waiting]
        if late:
            return State(OVERDUE_HOURS, _overdue(look, late, is_all=hours[-1] + HOUR >= end)), missing[0]
        if missing:
            return State(OVERDUE_HOURS, None), missing[0]
        complete_until = hours[-1] + HOUR
    return None, complete_until


def _overdue(look: Look, missing: list[datetime], *, is_all: bool) -> str:
    one = len(missing) == 1 and is_all
    count = "One hour" if one else f"{'' if is_all else 'At least '}{len(missing)} hours"
    return (
        f"{count} that ended more than {look.watched.overdue / HOUR:g} hours ago {'was' if one else 'were'} never "
        f"synced: {name_hours(missing)}. See that Dagster's daemon runs and that the schedule and the sensor of new "
        f"customers are on ({look.link('automation')}), and look at the newest runs ({look.link('runs')})."
    )


def _missing(look: Look, hours: Collection[datetime]) -> list[datetime]:
    done = newest_materializations(look.instance, look.watched.names.people.asset, set(map(key, hours)))
    return [hour for hour in hours if key(hour) not in done]
