"""Asset checks: what a person should look at, as amber or red in the UI. Each has one meaning, and numbers to plot."""

import asyncio
from collections import Counter

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import DESCRIBED, ROWS_SHOWN, Table, customer, links, polar_link, totals, whole
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource
from polar_attio_pipeline.defs.services import look_at_attio, look_at_polar
from polar_attio_pipeline.ledger import OutcomeRow
from polar_attio_pipeline.sync.outcomes import FAILED, NOT_BY_DATA, Reason

CUSTOMERS_CHECK = "every_customer_is_in_attio"
POLAR_CHECK = "polar_can_be_read"
ATTIO_CHECK = "attio_can_be_written"


def build_unresolved_check(check: dg.AssetCheckKey, *, after: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Return the check that every customer known to the ledger is in Attio.

    Args:
        check: Its asset and its name.
        after: An asset that brings customers to Attio as well: in a run that has both, it comes first.
    """

    @dg.asset_check(
        asset=check.asset_key,
        name=check.name,
        additional_deps=[after],
        description="Passes when no customer is rejected or ambiguous. Warns with the list of them, and is an error "
        "over POLAR_ATTIO_FAILED_ERROR_SHARE of all customers. Each later pass tries them again.",
    )
    def every_customer_is_in_attio(
        polar: PolarResource, ledger: LedgerResource, options: PassOptions
    ) -> dg.AssetCheckResult:
        store = ledger.open()
        with explained_failures():
            counts = store.counts()
            unresolved = store.unresolved(limit=None)
        failed = sum(counts[result] for result in FAILED)
        share = failed / max(1, sum(counts.values()))
        severe = share > options.failed_error_share
        shown = _customers(unresolved, polar)
        return dg.AssetCheckResult(
            passed=failed == 0,
            severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
            description=f"{failed} of {sum(counts.values())} customers are not in Attio as they should be.\n\n"
            f"{shown.text(DESCRIBED)}"
            if failed
            else "Every customer is in Attio.",
            metadata={
                **totals(counts),
                "share": round(share, 4),
                "because of their data": sum(row.reason not in NOT_BY_DATA for row in unresolved),
                "because of a service": sum(row.reason in NOT_BY_DATA for row in unresolved),
                "by reason": _by_reason(unresolved),
                "list": whole(shown),
            },
        )

    return every_customer_is_in_attio


def build_service_checks(
    polar_check: dg.AssetCheckKey, attio_check: dg.AssetCheckKey
) -> list[dg.AssetChecksDefinition]:
    """Return the checks that both services can be used: a sensor keeps them up to date, a person may execute them."""

    @dg.asset_check(
        asset=polar_check.asset_key,
        name=polar_check.name,
        description="Passes when Polar answers and the token may read customers. An error when a person has to act, "
        "such as on a bad token; a warning while Polar is down or throttles.",
    )
    def polar_can_be_read(polar: PolarResource) -> dg.AssetCheckResult:
        return asyncio.run(look_at_polar(polar)).result(polar_check)

    @dg.asset_check(
        asset=attio_check.asset_key,
        name=attio_check.name,
        description="Passes when Attio answers, the key has its scopes, and every attribute that was written so far is "
        "there. An error when no run can write; a warning while Attio is down or throttles, or when an optional "
        "attribute is archived or was renamed. Executed by hand, it takes the attributes as they are now.",
    )
    def attio_can_be_written(attio: AttioResource) -> dg.AssetCheckResult:
        return asyncio.run(look_at_attio(attio, before=())).result(attio_check)

    return [polar_can_be_read, attio_can_be_written]


def _customers(rows: list[OutcomeRow], polar: PolarResource) -> Table:
    link = polar_link(polar.api_url, polar.organization_slug)
    cells = [
        (
            row.outcome,
            customer(row.polar_customer_id, link),
            links((row.attio_url or "").split()),
            row.reason or "",
            _advice(row),
        )
        for row in rows[:ROWS_SHOWN]
    ]
    header = ("outcome", "Polar", "Attio", "reason", "what to do")
    return Table(header, cells, total=len(rows), rest="in the ledger table outcomes")


def _by_reason(rows: list[OutcomeRow]) -> str:
    counts = Counter(row.reason or row.outcome for row in rows)
    return ", ".join(f"{reason} {count}" for reason, count in counts.most_common()) or "none"


def _advice(row: OutcomeRow) -> str:
    detail = row.detail or ""
    if row.reason != Reason.REFUSED:
        return detail
    # Attio's own words may quote the value, and an event log is no place for that.
    return f"{detail.partition(':')[0]}. Its words are in the ledger: outcomes, column detail."
