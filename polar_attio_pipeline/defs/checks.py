"""Asset checks: what a human should look at, as amber or red in the UI."""

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import links, table
from polar_attio_pipeline.defs.resources import LedgerResource, given
from polar_attio_pipeline.ledger import OutcomeRow
from polar_attio_pipeline.sync.outcomes import FAILED, Reason


def build_unresolved_check(names: Names, asset: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Return the check that every customer known to the ledger is in Attio."""

    @dg.asset_check(
        asset=asset,
        name="every_customer_is_in_attio",
        required_resource_keys={names.of("ledger"), names.of("options")},
        description="Passes when no customer is rejected or ambiguous. Warns with the list of them, and is an error "
        "over POLAR_ATTIO_FAILED_ERROR_SHARE of all customers. Each later pass tries them again.",
    )
    def every_customer_is_in_attio(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        return judge_unresolved(ledger, given(context.resources, names.of("options"), PassOptions))

    return every_customer_is_in_attio


def judge_unresolved(ledger: LedgerResource, options: PassOptions) -> dg.AssetCheckResult:
    """Return whether every customer known to the ledger is in Attio."""
    store = ledger.open()
    with explained_failures():
        counts = store.counts()
        unresolved = store.unresolved(limit=None)
    failed = sum(counts[result] for result in FAILED)
    share = failed / max(1, sum(counts.values()))
    severe = share > options.failed_error_share
    rows = [
        (
            row.outcome,
            f"`{row.polar_customer_id}`",
            row.reason or "",
            _advice(row),
            links((row.attio_url or "").split()),
        )
        for row in unresolved
    ]
    return dg.AssetCheckResult(
        passed=failed == 0,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        description=f"{failed} of {sum(counts.values())} customers are not in Attio as they should be."
        if failed
        else "Every customer is in Attio.",
        metadata={
            **{result.value: count for result, count in counts.items()},
            "share": round(share, 4),
            "customers": table(("outcome", "Polar customer", "reason", "what to do", "Attio"), rows),
        },
    )


def _advice(row: OutcomeRow) -> str:
    detail = row.detail or ""
    if row.reason != Reason.REFUSED:
        return detail
    # Attio's own words may quote the value, and an event log is no place for that.
    return f"{detail.partition(':')[0]}. Its words are in the ledger: outcomes, column detail."
