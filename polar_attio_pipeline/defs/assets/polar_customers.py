"""Asset `polar_customers`: what Polar says about the customers that were created in an hour."""

import asyncio
import time
from datetime import datetime

import dagster as dg
import pandas as pd

from polar_attio_pipeline import processes
from polar_attio_pipeline.defs.failures import in_one_sentence
from polar_attio_pipeline.defs.io import to_frame
from polar_attio_pipeline.defs.partitions import BACKFILL_POLICY
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.hours import floor, key, parse_all
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.passes.reading import Reading, read_hours


def build_polar_customers(partitions: dg.HourlyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset over these hours."""

    @dg.asset(
        partitions_def=partitions,
        backfill_policy=BACKFILL_POLICY,
        io_manager_key="customers_io",
        group_name="polar_to_attio",
        kinds={"polar"},
        description="Polar's customers by the hour of their creation, as Polar had them when the hour was last read. "
        "One run reads a whole range of hours in one go.",
    )
    def polar_customers(context: dg.AssetExecutionContext, polar: PolarResource) -> pd.DataFrame:
        started = time.monotonic()
        context.instance.add_run_tags(context.run.run_id, {processes.TAG: processes.identity()})
        starts = parse_all(context.partition_keys)
        with in_one_sentence():
            reading = asyncio.run(_read(polar, starts))
        seconds = round(time.monotonic() - started, 3)
        moments = [customer.created_at for customer in reading.customers]
        moments += [row.created_at for row in reading.unreadable if row.created_at]
        found = [floor(moment) for moment in moments]
        for start in starts:
            # One reading serves the whole range: its cost stands on the newest hour, so that sums over hours are true.
            newest = start == starts[-1]
            context.add_asset_metadata(
                {
                    "customers": found.count(start),
                    "requests": reading.requests if newest else 0,
                    "seconds": seconds if newest else 0.0,
                },
                partition_key=key(start),
            )
        return to_frame(
            Snapshot(
                customers=tuple(reading.customers),
                unreadable=tuple(reading.unreadable),
                read_at=reading.times.here,
                polar_read_at=reading.times.polar,
                free_turn=None,
            )
        )

    return polar_customers


async def _read(polar: PolarResource, starts: list[datetime]) -> Reading:
    async with polar.client() as client:
        return await read_hours(client, starts)
