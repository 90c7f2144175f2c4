"""Asset checks: what a person should look at, as amber or red in the UI. Each has one meaning, and numbers to plot."""

import asyncio
from collections import Counter

import dagster as dg

from polar_attio_pipeline.defs.external import CUSTOMERS_IN_POLAR, PEOPLE_IN_ATTIO
from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.markdown import links
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import (
    DESCRIBED,
    ROWS_SHOWN,
    PolarLink,
    Table,
    customer,
    polar_link,
    totals,
    whole,
)
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.services import look_at_attio, look_at_polar
from polar_attio_pipeline.ledger import OutcomeRow
from polar_attio_pipeline.sync.outcomes import FAILED, NOT_BY_DATA, Reason, Result, due_in_attio


def customers_check(names: Names) -> dg.AssetCheckKey:
    """Return the key of the check that every customer is in Attio."""
    return dg.AssetCheckKey(names.people.asset, "every_customer_is_in_attio")


def polar_check(names: Names) -> dg.AssetCheckKey:
    """Return the key of the check that Polar can be read."""
    return dg.AssetCheckKey(names.asset(CUSTOMERS_IN_POLAR), "polar_can_be_read")


def attio_check(names: Names) -> dg.AssetCheckKey:
    """Return the key of the check that Attio can be written."""
    return dg.AssetCheckKey(names.asset(PEOPLE_IN_ATTIO), "attio_can_be_written")


def build_customers_check(names: Names) -> dg.AssetChecksDefinition:
    """Return the check that every customer known to the ledger is in Attio."""

    @dg.asset_check(
        asset=customers_check(names).asset_key,
        name=customers_check(names).name,
        # In a run that has both, the reconciliation comes first.
        additional_deps=[names.reconciliation.asset],
        required_resource_keys={names.of("polar"), names.of("ledger"), names.of("options")},
        description="Passes when no customer is rejected or ambiguous. Warns with the list of them, and is an error "
        "over POLAR_ATTIO_FAILED_ERROR_SHARE of all customers. Each later pass tries them again.",
    )
    def every_customer_is_in_attio(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        options = given(context.resources, names.of("options"), PassOptions)
        return judge_customers(ledger, options, polar_link(given(context.resources, names.of("polar"), PolarResource)))

    return every_customer_is_in_attio


def judge_customers(ledger: LedgerResource, options: PassOptions, link: PolarLink) -> dg.AssetCheckResult:
    """Return whether every customer known to the ledger is in Attio.

    Args:
        ledger: Where their outcomes are.
        options: From which share of them on it is an error.
        link: Makes links into Polar.
    """
    store = ledger.open()
    with explained_failures():
        counts = store.counts()
        unresolved = store.unresolved(limit=None)
    failed = sum(counts[result] for result in FAILED)
    due = due_in_attio(counts)
    share = failed / max(1, due)
    severe = share > options.failed_error_share
    shown = _customers(unresolved, link)
    return dg.AssetCheckResult(
        passed=failed == 0,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        description=f"{failed} of {due} customers are not in Attio as they should be.\n\n{shown.text(DESCRIBED)}"
        if failed
        else _all_is_well(counts[Result.EXCLUDED]),
        metadata={
            **totals(counts),
            "share": round(share, 4),
            "because of their data": sum(row.reason not in NOT_BY_DATA for row in unresolved),
            "because of a service": sum(row.reason in NOT_BY_DATA for row in unresolved),
            "by reason": _by_reason(unresolved),
            "list": whole(shown),
        },
    )


def _all_is_well(excluded: int) -> str:
    if not excluded:
        return "Every customer is in Attio."
    return f"Every customer is in Attio, but for {excluded} who are excluded by POLAR_ATTIO_WHO."


def build_service_checks(names: Names) -> list[dg.AssetChecksDefinition]:
    """Return the checks that both services can be used: a sensor keeps them up to date, a person may execute them."""

    @dg.asset_check(
        asset=polar_check(names).asset_key,
        name=polar_check(names).name,
        required_resource_keys={names.of("polar")},
        description="Passes when Polar answers and the token may read customers. An error when a person has to act, "
        "such as on a bad token; a warning while Polar is down or throttles.",
    )
    def polar_can_be_read(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        polar = given(context.resources, names.of("polar"), PolarResource)
        return asyncio.run(look_at_polar(polar)).result(polar_check(names))

    @dg.asset_check(
        asset=attio_check(names).asset_key,
        name=attio_check(names).name,
        required_resource_keys={names.of("attio")},
        description="Passes when Attio answers, the key has its scopes, and every attribute that was written so far is "
        "there. An error when no run can write; a warning while Attio is down or throttles, or when an optional "
        "attribute is archived or was renamed. Executed by hand, it takes the attributes as they are now.",
    )
    def attio_can_be_written(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        attio = given(context.resources, names.of("attio"), AttioResource)
        return asyncio.run(look_at_attio(attio, before=())).result(attio_check(names))

    return [polar_can_be_read, attio_can_be_written]


def _customers(rows: list[OutcomeRow], link: PolarLink) -> Table:
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
