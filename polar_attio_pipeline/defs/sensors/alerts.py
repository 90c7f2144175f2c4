"""Sensor `alerts`: judges each state by itself and tells the channels what has changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource, given
from polar_attio_pipeline.defs.sensors.alert_cursor import dump
from polar_attio_pipeline.defs.sensors.announcing import announce
from polar_attio_pipeline.defs.sensors.judging import Judge
from polar_attio_pipeline.defs.sensors.watching import Look, Watched


def build_alerts_sensor(watched: Watched, *, urls: Sequence[str], seconds: int) -> dg.SensorDefinition:
    """Return the sensor that tells people when something turns bad, and when it is over."""
    names = watched.names

    @dg.sensor(
        name=names.of("alerts"),
        required_resource_keys={names.of("ledger"), names.of("options")},
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if urls else dg.DefaultSensorStatus.STOPPED,
        description="Tells the channels of POLAR_ATTIO_ALERT_URLS once when hours fail or are overdue, a "
        "reconciliation fails or is late, a pass over companies fails, the ledger cannot be read, too many customers "
        "are not in Attio, a pass would change too many people, Polar cannot be watched, or a token, a scope or an "
        "attribute keeps a service from being used, and once when that is over. Its cursor holds what was announced on "
        "each channel.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        options = given(context.resources, names.of("options"), PassOptions)
        judge = Judge(context, Look(context.instance, watched, datetime.now(UTC)))
        states = list(judge.states(ledger, options))
        announced, said = announce(names.prefix, urls, states, judge.cursor.announced)
        unjudged = f" Not judged in this tick: {', '.join(judge.unjudged)}." if judge.unjudged else ""
        return dg.SensorResult(skip_reason=said + unjudged, cursor=dump(replace(judge.cursor, announced=announced)))

    return alerts
