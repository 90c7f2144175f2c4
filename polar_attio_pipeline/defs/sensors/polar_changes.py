"""Sensor `polar_changes`: gathers facts and asks for what the rules in `changes_requests` say."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.assets.changed_customers import ChangedCustomersConfig
from polar_attio_pipeline.defs.bounded import LEDGER_PATIENCE
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.readable_events import note_events
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_tags import REASON
from polar_attio_pipeline.defs.sensors.change_facts import events_since, in_flight, read_at, recorded
from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, dump, load
from polar_attio_pipeline.defs.sensors.changes_requests import ChangesDecision, ChangesFacts, decide
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import CHANGES
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.polar.events import NoEvents

NO_SCOPE = (
    "The token in POLAR_ACCESS_TOKEN may not read events, so changes of customers reach Attio by the reconciliation "
    "alone: give the token events:read to have them there within a minute or two."
)

_NO_STORE = (
    "Polar answers 500 to the question about its events, and answers others: until that is over, changes of customers "
    f"reach Attio by the reconciliation alone. {CURSOR_KEPT}"
)


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
        before, _ = load(context.cursor, now=datetime.now(UTC), overlap=overlap)
        try:
            found, offset = asyncio.run(events_since(polar, before.since(overlap)))
        except (ApiError, TimeoutError) as error:
            return dg.SkipReason(f"{str(error) or 'Polar did not answer in time.'} {CURSOR_KEPT}")
        note_events(ledger, readable=not isinstance(found, NoEvents))
        if isinstance(found, NoEvents):
            return dg.SkipReason(NO_SCOPE if found is NoEvents.SCOPE else _NO_STORE)
        # The time after the look: a pass that has read Polar meanwhile may have missed what was found.
        now = datetime.now(UTC) + offset
        cursor, trouble = load(context.cursor, now=now, overlap=overlap)
        # Before the successes: a run that ends in between is then among one or the other.
        under_way = in_flight(context.instance, names)
        facts = ChangesFacts(
            now=now,
            found=found,
            read_at=read_at(context.instance, names, offset),
            in_flight=under_way,
            recorded=recorded(ledger.open(patience=LEDGER_PATIENCE), cursor),
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
