"""Asset `polar_customers`: what Polar says about the customers that were created in an hour."""

import time
from collections import Counter

import dagster as dg

from polar_attio_pipeline.defs.external import CUSTOMERS_IN_POLAR
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import observation
from polar_attio_pipeline.defs.partitions import BACKFILL_POLICY
from polar_attio_pipeline.defs.reporting import hour_state
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_log import run_pass
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.schemas import POLAR_CUSTOMERS
from polar_attio_pipeline.hours import floor, key, parse_all
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.passes.progress import Report
from polar_attio_pipeline.passes.reading import read_snapshot
from polar_attio_pipeline.passes.stopping import Stop


def build_polar_customers(names: Names, partitions: dg.HourlyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset over these hours."""

    @dg.asset(
        key=names.asset("polar_customers"),
        deps=[names.asset(CUSTOMERS_IN_POLAR)],
        metadata={"dagster/column_schema": POLAR_CUSTOMERS},
        required_resource_keys={names.of("polar"), names.of("ledger"), names.of("options")},
        partitions_def=partitions,
        backfill_policy=BACKFILL_POLICY,
        io_manager_key=names.of("customers_io"),
        kinds={"polar"},
        description="Polar's customers by the hour of their creation, as Polar had them when the hour was last read. "
        "One run reads a whole range of hours in one go. The running hour is read whenever a new customer appears, and "
        'the grid shows it as materialised although it goes on: its metadata begins with "hour: open" then. Look here '
        "to see how many customers an hour brought.",
    )
    def polar_customers(context: dg.AssetExecutionContext) -> Snapshot:
        started = time.monotonic()
        starts = parse_all(context.partition_keys)
        tag_run(context, names.process_tag, starts)
        polar = given(context.resources, names.of("polar"), PolarResource)
        ledger = given(context.resources, names.of("ledger"), LedgerResource)

        async def read(report: Report, _: Stop) -> tuple[Snapshot, int]:
            async with polar.client() as client:
                return await read_snapshot(client, ledger.open(), starts, report)

        snapshot, requests = run_pass(context.log, read, observation(context, names))
        seconds = round(time.monotonic() - started, 3)
        moments = [customer.created_at for customer in snapshot.customers]
        moments += [row.created_at for row in snapshot.unreadable if row.created_at]
        found = Counter(map(floor, moments))
        for start in starts:
            # One reading serves the whole range: its cost stands on the newest hour, so that sums over hours are true.
            newest = start == starts[-1]
            context.add_asset_metadata(
                {
                    "hour": hour_state(start, snapshot.polar_read_at),
                    "customers": found[start],
                    "dagster/partition_row_count": found[start],
                    "requests": requests if newest else 0,
                    "seconds": seconds if newest else 0.0,
                },
                partition_key=key(start),
            )
        return snapshot

    return polar_customers
