"""Sensor `service_checks`: asks both services whether they can be used, and reports the answer as asset checks.

A run that fails says so too, but there may be none: the sensor of new customers starts none while it cannot see them.
"""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs.checks import attio_check, polar_check
from polar_attio_pipeline.defs.dagster_private import newest_evaluation
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.resources import AttioResource, PolarResource, given
from polar_attio_pipeline.defs.services import ATTRIBUTES_WRITTEN, Verdict, look_at_attio, look_at_polar

NAME = "service_checks"

EVERY = timedelta(minutes=2)
"""How often the services are asked: one request to Polar, a few to Attio."""

REPEATED_AFTER = timedelta(hours=1)
"""A verdict that stays the same is reported again after this, so that a person sees that it is not old."""


def build_service_checks_sensor(names: Names) -> dg.SensorDefinition:
    """Return the sensor that keeps both checks up to date."""
    in_polar, in_attio = polar_check(names), attio_check(names)

    @dg.sensor(
        name=names.of(NAME),
        required_resource_keys={names.of("polar"), names.of("attio")},
        minimum_interval_seconds=int(EVERY.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks Polar and Attio every {EVERY // timedelta(minutes=1)} minutes whether they answer, take the "
        f"tokens and have the attributes, and reports it as the checks {in_polar.name} and {in_attio.name}. It "
        "starts no run.",
    )
    def service_checks(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        polar = given(context.resources, names.of("polar"), PolarResource)
        attio = given(context.resources, names.of("attio"), AttioResource)
        verdicts = asyncio.run(_look(polar, attio, _expected_attributes(context.instance, in_attio)))
        found = dict(zip((in_polar, in_attio), verdicts, strict=True))
        news = {check: verdict for check, verdict in found.items() if _is_news(context.instance, check, verdict, now)}
        return dg.SensorResult(
            asset_events=[verdict.evaluation(check) for check, verdict in news.items()],
            skip_reason=" ".join(verdict.problem or verdict.well for verdict in verdicts),
        )

    return service_checks


async def _look(polar: PolarResource, attio: AttioResource, before: Collection[str]) -> tuple[Verdict, Verdict]:
    return await asyncio.gather(look_at_polar(polar), look_at_attio(attio, before=before))


def _expected_attributes(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> list[str]:
    """Return the keys of the attributes that the newest verdict on Attio expects."""
    newest = newest_evaluation(instance, check)
    listed = newest[1].metadata.get(ATTRIBUTES_WRITTEN) if newest else None
    return list(map(str, listed.value)) if isinstance(listed, dg.JsonMetadataValue) and listed.value else []


def _is_news(instance: dg.DagsterInstance, check: dg.AssetCheckKey, verdict: Verdict, now: datetime) -> bool:
    newest = newest_evaluation(instance, check)
    if newest is None or now - newest[0] >= REPEATED_AFTER:
        return True
    before, after = newest[1], verdict.evaluation(check)
    return (before.passed, before.severity, before.description) != (after.passed, after.severity, after.description)
