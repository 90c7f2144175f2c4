"""Asset `changed_customers`: customers that have changed in Polar, read anew and brought to Attio within a minute."""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from polar_attio_pipeline.defs.external import CUSTOMERS_IN_POLAR
from polar_attio_pipeline.defs.history import history
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import Approvals
from polar_attio_pipeline.defs.reporting import PolarLink, numbers, outcome_tables, polar_link
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_log import after_changes
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import observe_people, run_writing
from polar_attio_pipeline.passes.changed import Changed, sync_changed
from polar_attio_pipeline.sync.outcomes import tally

READ_AT = "polar_read_at"
"""Metadata: when Polar was read, by Polar's clock. The cursor of the sensor rests on it."""

DONE = "customers_read"
"""Metadata: ids of the customers that were read then; for the cursor of the sensor."""


class ChangedCustomersConfig(Approvals):
    """Which customers a run of `changed_customers` is about."""

    customers: list[str] = Field(default_factory=list)
    """Polar's ids. The sensor sets it; a person may write the ids of customers here to have them read at once."""


def build_changed_customers(names: Names, *, columns: dg.TableSchema) -> dg.AssetsDefinition:
    """Return the asset."""

    @dg.asset(
        key=names.changed.asset,
        deps=[names.asset(CUSTOMERS_IN_POLAR)],
        metadata={"dagster/column_schema": columns},
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        pool=names.pool,
        kinds={"polar", "attio"},
        description="The customers of Polar's newest events, read anew and brought to Attio as they are now: a rename, "
        "another address, a subscription that begins or ends, a payment, a deletion. Look here to see what became of a "
        "change of the last minutes.",
    )
    def changed_customers(
        context: dg.AssetExecutionContext, config: ChangedCustomersConfig
    ) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        tag_run(context, names.process_tag)

        changed = run_writing(
            context,
            names,
            after_changes(names),
            lambda work: sync_changed(work, config.customers),
            approve=config.approve,
        )
        observe_people(context, names)
        link = polar_link(given(context.resources, names.of("polar"), PolarResource))
        done = [one for one in dict.fromkeys(config.customers) if one not in changed.unread]
        report = _report(changed, done, link, seconds=time.monotonic() - started)
        return dg.MaterializeResult(metadata={**report, **history(context, names, link)})

    return changed_customers


def _report(changed: Changed, done: Sequence[str], link: PolarLink, *, seconds: float) -> dict[str, Any]:
    return {
        **numbers(tally(changed.outcomes), requests=changed.requests, seconds=seconds),
        "deleted in Polar": len(changed.deleted),
        "people of deleted customers": len(changed.people),
        "status set to Deleted": len(changed.deletions.stated),
        "unmarked": len(changed.deletions.unmarked),
        "not read": len(changed.unread),
        **outcome_tables("outcomes", changed.outcomes, link),
        READ_AT: dg.TimestampMetadataValue(changed.polar_read_at.timestamp()),
        DONE: dg.JsonMetadataValue(list(done)),
    }
