"""Asset `customer_reconciliation`: all customers in one run. First import, daily repair, and the report of drift."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from polar_attio_pipeline import processes
from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import (
    DESCRIBED,
    PolarLink,
    marked_table,
    numbers,
    outcome_tables,
    polar_link,
    totals,
    whole,
)
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource, pass_context
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.passes.reconciliation import Reconciliation, reconcile
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import Result

NAME = "customer_reconciliation"

DELETED_CHECK = "no_deleted_customer_is_marked"
COPIED_CHECK = "every_polar_id_is_held_once"

_CHECKS = [
    dg.AssetCheckSpec(
        DELETED_CHECK,
        asset=NAME,
        description="Passes when nobody is marked as a customer in Attio whose customer was deleted in Polar. Warns "
        "with the list of these people; POLAR_ATTIO_UNMARK_ORPHANED takes their mark off.",
    ),
    dg.AssetCheckSpec(
        COPIED_CHECK,
        asset=NAME,
        description="Passes when no two people in Attio hold the same Polar id. Warns with the list of those who do: "
        "merge them, or clear the id of the wrong one.",
    ),
]


def build_customer_reconciliation(
    *, source: dg.AssetKey, kept: dg.AssetKey, owners: Sequence[str]
) -> dg.AssetsDefinition:
    """Return the asset.

    Args:
        source: The asset that stands for Polar's customers.
        kept: The asset that stands for Attio's people: each run reports there how many of them there are.
        owners: Who is asked about it.
    """

    @dg.asset(
        deps=[source],
        owners=owners,
        check_specs=_CHECKS,
        pool="attio",
        group_name="polar_to_attio",
        kinds={"polar", "attio"},
        description="Compares all customers of Polar with all people in Attio who are marked, repairs what differs, "
        "and reports people whose customer was deleted in Polar. Also the first import. Look here to see whether Attio "
        "agrees with Polar as a whole, and what had to be repaired.",
    )
    def customer_reconciliation(
        context: dg.AssetExecutionContext,
        polar: PolarResource,
        attio: AttioResource,
        ledger: LedgerResource,
        options: PassOptions,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
        started = time.monotonic()
        tag_run(context, processes.TAG)

        async def run() -> Reconciliation:
            async with pass_context(context.run, polar, attio, ledger, options) as work:
                return await reconcile(work)

        with explained_failures():
            report = asyncio.run(run())
            context.log_event(dg.AssetObservation(kept, metadata=totals(ledger.open().counts())))
        link = polar_link(polar.api_url, polar.organization_slug)
        return dg.MaterializeResult(
            metadata=_metadata(report, link, seconds=time.monotonic() - started), check_results=_checks(report, link)
        )

    return customer_reconciliation


def _metadata(report: Reconciliation, link: PolarLink, *, seconds: float) -> dict[str, Any]:
    return {
        **numbers(report.counts, requests=report.requests, seconds=seconds),
        "drift": report.counts[Result.CREATED] + report.counts[Result.UPDATED],
        "marked, but deleted in Polar": len(report.orphaned),
        "unmarked": len(report.unmarked),
        "people who share a Polar id": len(report.copied),
        **outcome_tables("outcomes", report.notable, link),
    }


def _checks(report: Reconciliation, link: PolarLink) -> list[dg.AssetCheckResult]:
    still = [person for person in report.orphaned if person not in report.unmarked]
    return [
        _check(
            DELETED_CHECK,
            still,
            link,
            well="Everybody who is marked in Attio is a live customer of Polar.",
            problem=f"{len(still)} people are marked in Attio although their customer was deleted in Polar.",
            metadata={"marked, but deleted in Polar": len(still), "unmarked": len(report.unmarked)},
        ),
        _check(
            COPIED_CHECK,
            report.copied,
            link,
            well="No two people in Attio hold the same Polar id.",
            problem=f"{len(report.copied)} people in Attio hold a Polar id that another one holds too.",
            metadata={
                "people who share a Polar id": len(report.copied),
                "ids held more than once": len({person.customer_id for person in report.copied}),
            },
        ),
    ]


def _check(  # noqa: PLR0913  # keyword-only from the fourth on
    name: str, people: Sequence[Marked], link: PolarLink, *, well: str, problem: str, metadata: dict[str, Any]
) -> dg.AssetCheckResult:
    shown = marked_table(people, link)
    return dg.AssetCheckResult(
        check_name=name,
        passed=not people,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{problem}\n\n{shown.text(DESCRIBED)}" if people else well,
        metadata={**metadata, "list": whole(shown)},
    )
