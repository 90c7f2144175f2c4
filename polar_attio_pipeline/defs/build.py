"""Wiring: assets, checks, jobs, schedules, sensors, resources."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import dagster as dg

from polar_attio_pipeline.cron import effective
from polar_attio_pipeline.defs.assets.apply_job import build_apply_job
from polar_attio_pipeline.defs.assets.attio_companies import build_attio_companies
from polar_attio_pipeline.defs.assets.attio_people import build_attio_people
from polar_attio_pipeline.defs.assets.changed_customers import build_changed_customers
from polar_attio_pipeline.defs.assets.customer_reconciliation import build_customer_reconciliation
from polar_attio_pipeline.defs.assets.polar_customers import build_polar_customers
from polar_attio_pipeline.defs.assets.polar_subscriptions import build_polar_subscriptions
from polar_attio_pipeline.defs.assets.preview_job import build_preview_job
from polar_attio_pipeline.defs.assets.undo_job import build_undo_job
from polar_attio_pipeline.defs.checks import build_customers_check, build_service_checks
from polar_attio_pipeline.defs.external import external_assets
from polar_attio_pipeline.defs.io import SnapshotIOManager
from polar_attio_pipeline.defs.jobs import changed_job, company_job, reconciliation_job, sync_job
from polar_attio_pipeline.defs.labels import GROUP, Labels
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.partitions import hours_from
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource
from polar_attio_pipeline.defs.schedules import (
    build_company_schedule,
    build_hourly_schedule,
    build_reconciliation_schedule,
)
from polar_attio_pipeline.defs.schemas import attio_people
from polar_attio_pipeline.defs.sensors.alerts import build_alerts_sensor
from polar_attio_pipeline.defs.sensors.new_polar_customers import build_new_customers_sensor
from polar_attio_pipeline.defs.sensors.orphaned_runs import build_orphaned_runs_sensor
from polar_attio_pipeline.defs.sensors.polar_changes import build_changes_sensor
from polar_attio_pipeline.defs.sensors.service_checks import build_service_checks_sensor
from polar_attio_pipeline.defs.sensors.watching import Watched
from polar_attio_pipeline.passes.installation import start_date
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.mapped import sources


def build(
    settings: Settings,
    *,
    prefix: str = "",
    group: str = "",
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] | None = None,
) -> dg.Definitions:
    """Return the pipeline for these settings: a code location, or a part of one.

    The jobs bring their executor along. Runs that a person or a backfill starts by asset use the code location's.

    Args:
        settings: The tokens and the ledger's address among them are in no snapshot, config, event or log of Dagster's.
            Without a start date the ledger is opened for the one that it keeps.
        prefix: Stands before every name and asset key, so that one code location can hold the pipeline twice.
        group: The group of the assets; empty for `polar_to_attio` behind the prefix.
        tags: Put on every asset, every job and the runs of each job, beside those of the pipeline itself.
        owners: Of every asset, addresses or teams as in team:growth; None for those of the settings.

    Raises:
        ValueError: Dagster would not take names with such a prefix, or a setting does not do.
        dagster.DagsterInvalidDefinitionError: Dagster does not take the group, a tag or an owner.
    """
    names = Names(prefix)
    labels = Labels(
        group=group or names.of(GROUP), owners=settings.owners() if owners is None else owners, tags=tags or {}
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
        warnings.filterwarnings("ignore", ".*(CodeReference|source_code_references)", dg.BetaWarning)
        return _build(settings, names, labels)


def _build(settings: Settings, names: Names, labels: Labels) -> dg.Definitions:
    partitions = hours_from(datetime.combine(start_date(settings), time(), UTC))
    overlap_hours = settings.polar_attio_overlap_hours
    columns, tags = attio_people(settings.attributes()), labels.tags
    made = [
        build_polar_customers(names, partitions),
        build_attio_people(names, partitions, columns=columns),
        build_changed_customers(names, columns=columns),
        build_polar_subscriptions(names),
        build_customer_reconciliation(names),
    ]
    if settings.polar_attio_companies:
        made.append(build_attio_companies(names))
    changed, reconciliation = changed_job(names, tags), reconciliation_job(names, tags)
    with_companies = settings.polar_attio_companies
    return dg.Definitions(
        assets=[*dg.with_source_code_references(labels.made(made)), *labels.external(external_assets(names))],
        asset_checks=[build_customers_check(names), *build_service_checks(names)],
        jobs=[
            *(sync_job(names, tags), changed, reconciliation, build_preview_job(names, tags)),
            *(build_apply_job(names, tags), build_undo_job(names, tags)),
            *([company_job(names, tags)] if with_companies else []),
        ],
        schedules=[
            build_hourly_schedule(
                names, partitions, overlap_hours=overlap_hours, minute=settings.polar_attio_hourly_minute
            ),
            build_reconciliation_schedule(
                names,
                cron=settings.polar_attio_reconciliation_cron,
                ledger=LedgerResource.at(settings.polar_attio_database_url),
            ),
            *([build_company_schedule(names)] if with_companies else []),
        ],
        sensors=[
            build_orphaned_runs_sensor(names),
            build_service_checks_sensor(names),
            build_new_customers_sensor(
                names,
                partitions,
                overlap_hours=overlap_hours,
                seconds=settings.polar_attio_sensor_seconds,
                telemetry=settings.polar_attio_telemetry,
            ),
            build_changes_sensor(
                names,
                overlap_minutes=settings.polar_attio_events_overlap_minutes,
                most=settings.polar_attio_changes_max,
                seconds=settings.polar_attio_sensor_seconds,
                jobs=[changed, reconciliation],
            ),
            build_alerts_sensor(
                _watched(settings, names, partitions.start),
                urls=settings.alert_urls(),
                seconds=settings.polar_attio_alert_seconds,
            ),
        ],
        resources={names.of(key): resource for key, resource in _resources(settings).items()},
    )


def _watched(settings: Settings, names: Names, start: datetime) -> Watched:
    return Watched(
        names=names,
        start=start,
        overdue=timedelta(hours=settings.polar_attio_overdue_hours),
        cron=effective(settings.polar_attio_reconciliation_cron),
        with_companies=settings.polar_attio_companies,
        ui=settings.polar_attio_dagster_url,
        polar_link=partial(customer_url, api_url=settings.polar_api_url, slug=settings.polar_organization_slug or None),
    )


def _resources(settings: Settings) -> Mapping[str, Any]:
    return {
        "polar": PolarResource(
            access_token=settings.polar_access_token,
            api_url=settings.polar_api_url,
            api_version=settings.polar_api_version,
            requests_per_minute=settings.polar_requests_per_minute,
            organization_slug=settings.polar_organization_slug,
            sources=list(sources(settings.mapped())),
        ),
        "attio": AttioResource(
            api_key=settings.attio_api_key,
            api_url=settings.attio_api_url,
            reads_per_second=settings.attio_reads_per_second,
            writes_per_second=settings.attio_writes_per_second,
            slugs=settings.slugs(),
            mapped=settings.polar_attio_attributes,
        ),
        "ledger": LedgerResource.at(settings.polar_attio_database_url),
        "customers_io": SnapshotIOManager(url=settings.polar_attio_database_url),
        "options": PassOptions(
            overwrite_typed=settings.polar_attio_overwrite_typed,
            audience=settings.polar_attio_who,
            snapshot_minutes=settings.polar_attio_snapshot_minutes,
            unmark_orphaned=settings.polar_attio_unmark_orphaned,
            unmark_max_share=settings.polar_attio_unmark_max_share,
            shrink_max_share=settings.polar_attio_shrink_max_share,
            change_max_share=settings.polar_attio_change_max_share,
            change_min_people=settings.polar_attio_change_min_people,
            history_days=settings.polar_attio_history_days,
            forget_deleted_days=settings.polar_attio_forget_deleted_days,
            failed_error_share=settings.polar_attio_failed_error_share,
            company_slugs=settings.company_slugs(),
            company_deny=sorted(settings.company_deny()),
            telemetry=settings.polar_attio_telemetry,
            log_format=settings.polar_attio_log_format,
        ),
    }
