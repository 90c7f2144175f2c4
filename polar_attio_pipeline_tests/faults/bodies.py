"""The functions under `@dg.asset`, called without Dagster's machinery, which takes a second a run."""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import dagster as dg

from polar_attio_pipeline.defs.assets.attio_people import READ_AT, AttioPeopleConfig, build_attio_people
from polar_attio_pipeline.defs.assets.customer_reconciliation import customer_reconciliation
from polar_attio_pipeline.defs.assets.polar_customers import build_polar_customers
from polar_attio_pipeline.defs.partitions import hours_from
from polar_attio_pipeline.hours import key, parse
from polar_attio_pipeline.settings import Settings


@functools.cache
def _assets() -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    partitions = hours_from(datetime(2026, 1, 1, tzinfo=UTC))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
        return build_polar_customers(partitions), build_attio_people(partitions)


Resources = Mapping[str, Any]


def default(setting: str) -> Any:
    """Return what a setting is unless somebody sets it."""
    return Settings.model_fields[setting].default


def sync_hours(hours: Sequence[datetime], run_id: str, resources: Resources, done: dict[datetime, datetime]) -> None:
    """Run both assets over a range of hours, as the schedule and the sensor have them run.

    Args:
        hours: The range.
        run_id: Tells this run from others.
        resources: By the names that the assets know them by.
        done: Gets, for each hour that is put on record as done, when Polar was read for it.

    Raises:
        dagster.Failure: as the assets do.
    """
    context = _Context(_Run(run_id), partition_keys=[key(hour) for hour in hours])
    polar_customers, attio_people = _assets()
    frame = _call(polar_customers, context=context, **resources)
    context.reports.clear()
    config = AttioPeopleConfig(retry_unresolved=True)
    try:
        _call(attio_people, context=context, config=config, polar_customers=frame, **resources)
    finally:
        done.update(_read_times(context.kept))
    done.update(_read_times(context.reports))


def reconcile(run_id: str, resources: Resources) -> None:
    """Run the reconciliation.

    Raises:
        dagster.Failure: as the asset does.
    """
    _call(customer_reconciliation, context=_Context(_Run(run_id)), **resources)


@dataclass(frozen=True, slots=True)
class _Run:
    run_id: str


@dataclass
class _Context:
    """What an asset asks of Dagster.

    Attributes:
        instance: Takes whatever it is told.
        reports: What becomes a materialisation if the run succeeds, by partition.
        kept: What is on record at once.
    """

    run: _Run
    instance: Any = field(default_factory=mock.Mock)
    partition_keys: Sequence[str] = ()
    reports: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def add_asset_metadata(self, metadata: dict[str, Any], *, partition_key: str) -> None:
        self.reports[partition_key] = metadata

    def log_event(self, event: dg.AssetMaterialization) -> None:
        assert event.partition is not None
        self.kept[event.partition] = event.metadata


def _call(asset: dg.AssetsDefinition, **given: Any) -> Any:
    function: Callable[..., Any] = asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]  # @dg.asset's
    return function(**{name: given[name] for name in inspect.signature(function).parameters})


def _read_times(reports: Mapping[str, Any]) -> dict[datetime, datetime]:
    return {
        parse(partition): datetime.fromtimestamp(report[READ_AT].value, UTC) for partition, report in reports.items()
    }
