"""What the Dagster UI shows of the history: which attributes a pass has written, and why it ran. No values."""

from collections.abc import Mapping

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.reporting import ROWS_SHOWN, PolarLink, Table, customer, whole
from polar_attio_pipeline.defs.resources import LedgerResource, given

WRITTEN = "written to Attio"

_BEFORE = {
    "api-token": "of the sync or another program",
    "app": "of another app",
    "system": "of Attio itself",
    "workspace-member": "typed by a person",
}


def history(
    context: dg.AssetExecutionContext, names: Names, link: PolarLink
) -> Mapping[str, dg.MarkdownMetadataValue | dg.TextMetadataValue]:
    """Return, as metadata, the newest values that the pass of a run has written, and why it ran.

    Dagster keeps it for ever, so it holds ids, links and names of attributes, and no value.

    Raises:
        dagster.Failure: the ledger cannot be used.
    """
    run_id = context.run.run_id
    with explained_failures():
        ledger = given(context.resources, names.of("ledger"), LedgerResource).open()
        rows, total = ledger.written_by(run_id, limit=ROWS_SHOWN)
        passes = ledger.passes_named(run_id, limit=1)
    shown = [
        (
            customer(row.polar_customer_id, link) if row.polar_customer_id else "none",
            row.attribute,
            _BEFORE.get(row.old_actor or "", "there was one") if row.had_value else "empty",
        )
        for row in rows
    ]
    header = ("Polar", "attribute", "before")
    table = Table(header, shown, total=total, rest=f"in the ledger table changes, pass_id {run_id}")
    why = f"{passes[0].kind}: {passes[0].reason}" if passes else "not on record"
    return {"why it ran": dg.TextMetadataValue(why), WRITTEN: whole(table)}
