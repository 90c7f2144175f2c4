"""What a tick of the sensor `polar_changes` looks at before it decides: Polar, Dagster's records, the ledger."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.assets.changed_customers import DONE, READ_AT
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target, began_at, runs_of
from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, ChangesCursor
from polar_attio_pipeline.defs.sensors.on_record import ids_of, known_to, moment_of
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.polar.events import Events, NoEvents, read_events

TICK_SECONDS = 20
"""No tick waits longer for Polar, busy pages included: the next one asks again."""

RECENT = 20
"""Newest successes looked at: one run is under way at a time, so the newest ones decide."""

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=8)


async def events_since(polar: PolarResource, since: datetime) -> tuple[Events | NoEvents, timedelta]:
    """Return the events since a moment, and how far Polar's clock is ahead of ours.

    Raises:
        ApiError: Polar could not be read.
        TimeoutError: it did not answer in `TICK_SECONDS`.
    """
    async with asyncio.timeout(TICK_SECONDS), polar.client(retry=_ONE_TRY) as client:
        found = await read_events(client.api, since=since)
        return found, timedelta(seconds=client.api.server_offset or 0)


def in_flight(instance: dg.DagsterInstance, names: Names) -> set[str]:
    """Return the customers whom runs under way cover, and `EVERYTHING` if a reconciliation is one of these."""
    changed = runs_of(instance, names.changed, UNDER_WAY)
    customers = {one for record in changed for one in _customers(record.dagster_run, names.changed)}
    return customers | ({EVERYTHING} if runs_of(instance, names.reconciliation, UNDER_WAY) else set())


def _customers(run: dg.DagsterRun, target: Target) -> list[str]:
    """Return the customers that a run was started for."""
    config: Any = run.run_config
    for name in ("ops", target.op, "config", "customers"):
        config = config.get(name) if isinstance(config, Mapping) else None
    return list(map(str, config)) if isinstance(config, list) else []


def read_at(instance: dg.DagsterInstance, names: Names, offset: timedelta) -> dict[str, datetime]:
    """Return when Polar was read for the newest success that covers a customer, by id; see `ChangesFacts.read_at`."""
    found: dict[str, datetime] = {}
    for record in instance.fetch_materializations(names.changed.asset, limit=RECENT).records:
        moment = moment_of(record.asset_materialization, READ_AT)
        if moment is not None:
            done = ids_of(record.asset_materialization, DONE)
            found.update((one, max(moment, found.get(one, moment))) for one in done)
    succeeded = runs_of(instance, names.reconciliation, [dg.DagsterRunStatus.SUCCESS])
    if succeeded:
        found[EVERYTHING] = began_at(succeeded[0]) + offset
    return found


def recorded(ledger: Ledger, cursor: ChangesCursor) -> frozenset[str]:
    """Return those of the new customers that the ledger knows; none if it cannot be asked: they are then asked for."""
    new = {customer for customer, one in cursor.pending.items() if one.is_new}
    try:
        return known_to(ledger, new)
    except Exception:  # noqa: BLE001  # whatever is wrong with the ledger, the pass says it
        return frozenset()
