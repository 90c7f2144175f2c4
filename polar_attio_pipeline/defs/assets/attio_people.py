"""Asset `attio_people`: every customer of an hour is in Attio, or has a reason on record why not."""

from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import Approvals
from polar_attio_pipeline.defs.partitions import BACKFILL_POLICY
from polar_attio_pipeline.defs.reporting import PolarLink, hour_state, numbers, outcome_tables, polar_link
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_log import after_hours
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import observe_people, run_writing
from polar_attio_pipeline.hours import key, parse_all
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.sync.outcomes import tally

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))
"""The schedule closes an hour every hour: two missed ones are a warning, three are a failure."""

READ_AT = "polar_read_at"
"""Metadata of every hour: when Polar was read for it, by Polar's clock. The run cursor rests on it."""

ABSENT = "absent_in_polar"
"""Metadata of an hour: ids of customers that were seen in it and that Polar no longer has; for the run cursor."""


class AttioPeopleConfig(Approvals):
    """What a run of `attio_people` does beside its own hours."""

    retry_unresolved: bool = False
    """Try rejected and ambiguous customers of other hours again, freshly read. The schedule and the sensor set it."""

    expected: list[str] = Field(default_factory=list)
    """Ids of customers that were seen in Polar: an hour that lacks one of them is not done. The sensor sets it."""


def build_attio_people(
    names: Names, partitions: dg.HourlyPartitionsDefinition, *, columns: dg.TableSchema
) -> dg.AssetsDefinition:
    """Return the asset over these hours."""

    @dg.asset(
        key=names.people.asset,
        ins={"polar_customers": dg.AssetIn(key=names.asset("polar_customers"))},
        metadata={"dagster/column_schema": columns},
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        partitions_def=partitions,
        backfill_policy=BACKFILL_POLICY,
        pool=names.pool,
        freshness_policy=FRESHNESS,
        kinds={"attio"},
        description="The people of Attio who are the customers of an hour: found by Polar id, then by address; created "
        "or updated where something differs. Every customer's outcome is in the ledger. The running hour is synced "
        "whenever a new customer appears, and the grid shows it as materialised although it goes on: its metadata "
        'begins with "hour: open" then. Look here to see what became of a customer who was created in some hour.',
    )
    def attio_people(
        context: dg.AssetExecutionContext, config: AttioPeopleConfig, polar_customers: Snapshot | None
    ) -> dg.MaterializeResult[None]:
        hours = Hours(
            starts=parse_all(context.partition_keys),
            snapshot=polar_customers,
            expected=config.expected,
            retry_unresolved=config.retry_unresolved,
        )
        tag_run(context, names.process_tag, hours.starts)
        link = polar_link(given(context.resources, names.of("polar"), PolarResource))
        done: list[HourDone] = []

        def note(hour: HourDone) -> None:
            done.append(hour)
            if len(hours.starts) > 1:
                # Dagster records a range when all of it is done; a run that fails must keep the hours that it has done.
                report, partition = _report(hour, link), key(hour.start)
                context.log_event(dg.AssetMaterialization(names.people.asset, metadata=report, partition=partition))

        retried = run_writing(
            context, names, after_hours(names), lambda work: sync_hours(work, hours, note), approve=config.approve
        )
        observe_people(context, names)
        for hour in done:
            context.add_asset_metadata(_report(hour, link), partition_key=key(hour.start))
        if retried:
            shown = outcome_tables("retried from other hours", retried, link)
            context.add_asset_metadata(shown, partition_key=key(hours.starts[-1]))
        return dg.MaterializeResult()

    return attio_people


def _report(hour: HourDone, link: PolarLink) -> dict[str, Any]:
    return {
        "hour": hour_state(hour.start, hour.polar_read_at),
        **numbers(tally(hour.outcomes), requests=hour.requests, seconds=hour.seconds),
        **outcome_tables("outcomes", hour.outcomes, link),
        READ_AT: dg.TimestampMetadataValue(hour.polar_read_at.timestamp()),
        ABSENT: dg.JsonMetadataValue(sorted(hour.absent)),
    }
