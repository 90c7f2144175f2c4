"""Sensor `polar_changes`: gathers facts and asks for what the rules in `changes_requests` say."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.assets.changed_customers import DONE, READ_AT, ChangedCustomersConfig
from polar_attio_pipeline.defs.bounded import within
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.readable_events import LEDGER_PATIENCE, LEDGER_SECONDS, note_events
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_tags import REASON
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target, began_at, runs_of
from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, ChangesCursor, dump, load
from polar_attio_pipeline.defs.sensors.changes_requests import ChangesDecision, ChangesFacts, decide
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import CHANGES
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.polar.events import Events, NoEvents, read_events

TICK_SECONDS = 20
"""No tick waits longer for Polar, busy pages included: the next one asks again."""

RECENT = 20
"""Newest successes looked at: one run is under way at a time, so the newest ones decide."""

NO_SCOPE = (
    "The token in POLAR_ACCESS_TOKEN may not read events, so changes of customers reach Attio by the reconciliation "
    "alone: give the token events:read to have them there within a minute or two."
)

_NO_STORE = (
    "Polar answers 500 to the question about its events, and answers others: until that is over, changes of customers "
    f"reach Attio by the reconciliation alone. {CURSOR_KEPT}"
)

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=8)


def build_changes_sensor(
    names: Names, *, overlap_minutes: int, most: int, seconds: int, jobs: Collection[Any]
) -> dg.SensorDefinition:
    """Return the sensor that asks for customers who have changed.

    Args:
        names: Of the instance of the pipeline.
        overlap_minutes: How late an event may appear.
        most: More customers than this are the business of a reconciliation.
        seconds: Between two ticks.
        jobs: That of changed customers and that of the reconciliation.
    """
    overlap = timedelta(minutes=overlap_minutes)

    @dg.sensor(
        name=names.of(CHANGES),
        jobs=list(jobs),
        required_resource_keys={names.of("polar"), names.of("ledger")},
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at Polar's newest events, one request a tick, and has each customer who changed read anew. "
        "Its cursor holds the customers who wait for that; deleting it leaves these to the reconciliation.",
    )
    def polar_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        polar = given(context.resources, names.of("polar"), PolarResource)
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        # Before the successes: a run that ends in between is then among one or the other.
        in_flight = _in_flight(context.instance, names)
        try:
            cursor, trouble, found, offset = asyncio.run(_look(polar, context.cursor, overlap))
        except (ApiError, TimeoutError) as error:
            return dg.SkipReason(f"{str(error) or 'Polar did not answer in time.'} {CURSOR_KEPT}")
        note_events(ledger, readable=not isinstance(found, NoEvents))
        if isinstance(found, NoEvents):
            return dg.SkipReason(NO_SCOPE if found is NoEvents.SCOPE else _NO_STORE)
        facts = ChangesFacts(
            now=datetime.now(UTC) + offset,
            found=found,
            read_at=_read_at(context.instance, names, offset),
            in_flight=in_flight,
            recorded=_recorded(ledger.open(patience=LEDGER_PATIENCE), cursor),
            overlap=overlap,
            most=most,
        )
        decision = decide(cursor, facts)
        if not decision.customers:
            return dg.SensorResult(skip_reason=trouble + decision.reason, cursor=dump(decision.cursor))
        if trouble:
            context.log.warning(trouble.strip())
        return dg.SensorResult(run_requests=[_request(names, decision)], cursor=dump(decision.cursor))

    return polar_changes


async def _look(
    polar: PolarResource, stored: str | None, overlap: timedelta
) -> tuple[ChangesCursor, str, Events | NoEvents, timedelta]:
    """Return the cursor, a sentence about it, the events since, and how far Polar's clock is ahead of ours."""
    async with asyncio.timeout(TICK_SECONDS), polar.client(retry=_ONE_TRY) as client:
        here, _ = load(stored, now=datetime.now(UTC), overlap=overlap)
        found = await read_events(client.api, since=here.since(overlap))
        offset = timedelta(seconds=client.api.server_offset or 0)
    cursor, trouble = load(stored, now=datetime.now(UTC) + offset, overlap=overlap)
    return cursor, trouble, found, offset


def _request(names: Names, decision: ChangesDecision) -> dg.RunRequest:
    if decision.customers == (EVERYTHING,):
        return dg.RunRequest(
            run_key=None, job_name=names.reconciliation.job, tags={REASON: "very many customers changed"}
        )
    count = len(decision.customers)
    who = "1 changed customer" if count == 1 else f"{count} changed customers"
    return dg.RunRequest(
        # Without a run key: Dagster would never again ask for one that failed.
        run_key=None,
        job_name=names.changed.job,
        tags={REASON: f"retry, {who}" if decision.retried else who},
        run_config=dg.RunConfig(ops={names.changed.op: ChangedCustomersConfig(customers=list(decision.customers))}),
    )


def _in_flight(instance: dg.DagsterInstance, names: Names) -> set[str]:
    """Return the customers whom runs under way cover, and `EVERYTHING` if a reconciliation is one of these."""
    changed = runs_of(instance, names.changed, UNDER_WAY)
    customers = {one for record in changed for one in _customers(record.dagster_run, names.changed)}
    return customers | ({EVERYTHING} if runs_of(instance, names.reconciliation, UNDER_WAY) else set())


def _customers(run: dg.DagsterRun, target: Target) -> Iterable[str]:
    """Return the customers that a run was started for."""
    config: Any = run.run_config
    for name in ("ops", target.op, "config", "customers"):
        config = config.get(name) if isinstance(config, Mapping) else None
    return map(str, config) if isinstance(config, list) else ()


def _read_at(instance: dg.DagsterInstance, names: Names, offset: timedelta) -> Mapping[str, datetime]:
    """Return when Polar was read for the newest success that covers a customer, by id; see `ChangesFacts.read_at`."""
    found: dict[str, datetime] = {}
    for record in instance.fetch_materializations(names.changed.asset, limit=RECENT).records:
        metadata = record.asset_materialization.metadata if record.asset_materialization else {}
        read_at, done = metadata.get(READ_AT), metadata.get(DONE)
        if not isinstance(read_at, dg.TimestampMetadataValue) or not isinstance(done, dg.JsonMetadataValue):
            continue
        moment = datetime.fromtimestamp(read_at.value, UTC)
        ids = done.value if isinstance(done.value, list) else []
        found.update((one, max(moment, found.get(one, moment))) for one in map(str, ids))
    succeeded = runs_of(instance, names.reconciliation, [dg.DagsterRunStatus.SUCCESS], limit=1)
    if succeeded:
        found[EVERYTHING] = began_at(succeeded[0]) + offset
    return found


def _recorded(ledger: Ledger, cursor: ChangesCursor) -> frozenset[str]:
    """Return those of the new customers that the ledger knows; none if it cannot be asked: they are then asked for."""
    new = {customer for customer, one in cursor.pending.items() if one.is_new}
    if not new:
        return frozenset()
    try:
        return frozenset(within(LEDGER_SECONDS, lambda: ledger.recorded(new)))
    except Exception:  # noqa: BLE001  # whatever is wrong with the ledger, the pass says it
        return frozenset()
