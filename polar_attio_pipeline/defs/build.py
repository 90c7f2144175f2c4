"""Wiring: assets, checks, jobs, schedules, sensors, resources."""

import warnings
from datetime import UTC, datetime, time, timedelta
from functools import partial

import dagster as dg

from polar_attio_pipeline.defs.assets.attio_people import build_attio_people
from polar_attio_pipeline.defs.assets.customer_reconciliation import customer_reconciliation
from polar_attio_pipeline.defs.assets.polar_customers import build_polar_customers
from polar_attio_pipeline.defs.assets.preview_job import preview
from polar_attio_pipeline.defs.checks import build_unresolved_check
from polar_attio_pipeline.defs.io import SnapshotIOManager
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.partitions import hours_from
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource
from polar_attio_pipeline.defs.runs import Target
from polar_attio_pipeline.defs.schedules import build_hourly_schedule, build_reconciliation_schedule
from polar_attio_pipeline.defs.sensors.alerts import build_alert_sensor
from polar_attio_pipeline.defs.sensors.new_polar_customers import build_sensor
from polar_attio_pipeline.defs.sensors.orphaned_runs import orphaned_runs
from polar_attio_pipeline.defs.sensors.watching import Watched
from polar_attio_pipeline.ledger.location import is_server
from polar_attio_pipeline.passes.installation import start_date
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.settings import Settings

SYNC_SECONDS = 2 * 60 * 60
"""Dagster's run monitoring ends a run of customer_sync after this."""

RECONCILIATION_SECONDS = 48 * 60 * 60
"""And one of full_reconciliation after this: Attio takes 20 new people a second, so a first import of 3 million."""


def build(settings: Settings) -> dg.Definitions:
    """Return the code location for these settings. Tokens are read from the environment by each run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
        return _build(settings)


def _build(settings: Settings) -> dg.Definitions:
    partitions = hours_from(datetime.combine(start_date(settings), time(), UTC))
    customer_sync = dg.define_asset_job(
        "customer_sync",
        selection=dg.AssetSelection.assets("polar_customers", "attio_people"),
        description="Brings the customers of an hour, or of a range of hours, to Attio.",
        run_tags={dg.MAX_RUNTIME_SECONDS_TAG: str(SYNC_SECONDS)},
    )
    full_reconciliation = dg.define_asset_job(
        "full_reconciliation",
        selection=dg.AssetSelection.assets("customer_reconciliation"),
        description="Compares all customers with Attio, repairs what differs, and reports people whose customer was "
        "deleted in Polar.",
        run_tags={dg.MAX_RUNTIME_SECONDS_TAG: str(RECONCILIATION_SECONDS)},
    )
    database = _database(settings.polar_attio_database_url.get_secret_value())
    reconciliation = Target(customer_reconciliation.key, full_reconciliation.name)
    return dg.Definitions(
        assets=[build_polar_customers(partitions), build_attio_people(partitions), customer_reconciliation],
        asset_checks=[build_unresolved_check("attio_people"), build_unresolved_check("customer_reconciliation")],
        jobs=[customer_sync, full_reconciliation, preview],
        schedules=[
            build_hourly_schedule(
                customer_sync.name,
                partitions,
                overlap_hours=settings.polar_attio_overlap_hours,
                minute=settings.polar_attio_hourly_minute,
            ),
            build_reconciliation_schedule(reconciliation, cron=settings.polar_attio_reconciliation_cron),
        ],
        sensors=[
            orphaned_runs,
            build_sensor(
                customer_sync.name,
                partitions,
                overlap_hours=settings.polar_attio_overlap_hours,
                seconds=settings.polar_attio_sensor_seconds,
            ),
            build_alert_sensor(
                Watched(
                    people=Target(dg.AssetKey("attio_people"), customer_sync.name),
                    reconciliation=reconciliation,
                    start=partitions.start,
                    overdue=timedelta(hours=settings.polar_attio_overdue_hours),
                    cron=settings.polar_attio_reconciliation_cron,
                    ui=settings.polar_attio_dagster_url,
                    polar_link=partial(
                        customer_url,
                        api_url=settings.polar_api_url,
                        slug=settings.polar_organization_slug or None,
                    ),
                ),
                urls=settings.alert_urls(),
                seconds=settings.polar_attio_alert_seconds,
            ),
        ],
        resources={
            "polar": PolarResource(
                access_token=dg.EnvVar("POLAR_ACCESS_TOKEN"),
                api_url=settings.polar_api_url,
                api_version=settings.polar_api_version,
                requests_per_minute=settings.polar_requests_per_minute,
                organization_slug=settings.polar_organization_slug,
            ),
            "attio": AttioResource(
                api_key=dg.EnvVar("ATTIO_API_KEY"),
                api_url=settings.attio_api_url,
                reads_per_second=settings.attio_reads_per_second,
                writes_per_second=settings.attio_writes_per_second,
                slugs=settings.slugs(),
            ),
            "ledger": LedgerResource(url=database),
            "customers_io": SnapshotIOManager(url=database),
            "options": PassOptions(
                overwrite_typed=settings.polar_attio_overwrite_typed,
                snapshot_minutes=settings.polar_attio_snapshot_minutes,
                unmark_orphaned=settings.polar_attio_unmark_orphaned,
                unmark_max_share=settings.polar_attio_unmark_max_share,
                shrink_max_share=settings.polar_attio_shrink_max_share,
                failed_error_share=settings.polar_attio_failed_error_share,
            ),
        },
        # Both assets of an hour share one process: a second one would pay seconds of imports again.
        executor=dg.in_process_executor,
    )


def _database(given: str) -> str:
    """Return the path of a file, which the UI may show; of a server, whose URL has a password, the setting's name."""
    return dg.EnvVar("POLAR_ATTIO_DATABASE_URL") if is_server(given) else given
