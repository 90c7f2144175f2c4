"""Asset `customer_reconciliation`: all customers in one run. First import, daily repair, and the report of drift."""

import time
from dataclasses import replace

import dagster as dg

from polar_attio_pipeline import processes
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.reporting import marked_table, numbers, outcome_table
from polar_attio_pipeline.defs.resources import PASS_KEYS, pass_context
from polar_attio_pipeline.defs.run_log import after_reconciliation, run_pass
from polar_attio_pipeline.passes.progress import Report
from polar_attio_pipeline.passes.reconciliation import Reconciliation, reconcile
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.sync.outcomes import Result

MARKS_CHECK = "every_mark_is_a_customer"


def build_customer_reconciliation(names: Names) -> dg.AssetsDefinition:
    """Return the asset."""

    @dg.asset(
        key=names.reconciliation.asset,
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        check_specs=[
            dg.AssetCheckSpec(
                MARKS_CHECK,
                asset=names.reconciliation.asset,
                description="Passes when everybody who is marked in Attio is one live customer of Polar. Warns with "
                "the list of those whose customer was deleted in Polar, and of those who share one Polar id.",
            )
        ],
        pool=names.of("attio"),
        group_name=names.of("polar_to_attio"),
        kinds={"polar", "attio"},
        description="Compares all customers of Polar with all people in Attio who are marked, repairs what "
        "differs, and reports people whose customer was deleted in Polar. Also the first import.",
    )
    def customer_reconciliation(
        context: dg.AssetExecutionContext,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
        return _reconcile(context, names)

    return customer_reconciliation


def _reconcile(context: dg.AssetExecutionContext, names: Names) -> dg.MaterializeResult[None]:
    """Reconcile everything and report."""
    started = time.monotonic()
    context.instance.add_run_tags(context.run.run_id, {names.process_tag: processes.identity()})

    async def run(report: Report, stop: Stop) -> Reconciliation:
        async with pass_context(context.run, context.resources, names, report) as work:
            return await reconcile(replace(work, stop=stop, upcoming=after_reconciliation(names)))

    report = run_pass(context.log, run)
    return dg.MaterializeResult(
        metadata={
            **numbers(report.counts, requests=report.requests, seconds=time.monotonic() - started),
            "drift": report.counts[Result.CREATED] + report.counts[Result.UPDATED],
            "orphaned": len(report.orphaned),
            "unmarked": len(report.unmarked),
            "copied ids": len(report.copied),
            "outcomes": outcome_table(report.notable, count=report.notable_count),
            "marked, but deleted in Polar": marked_table(report.orphaned),
            "people who share one Polar id": marked_table(report.copied),
        },
        check_results=[_marks_check(report)],
    )


def _marks_check(report: Reconciliation) -> dg.AssetCheckResult:
    still = [person for person in report.orphaned if person not in report.unmarked]
    return dg.AssetCheckResult(
        check_name=MARKS_CHECK,
        passed=not still and not report.copied,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(still)} people are marked although their customer was deleted in Polar, "
        f"{len(report.copied)} share a Polar id.",
        metadata={
            "marked, but deleted in Polar": marked_table(still),
            "people who share one Polar id": marked_table(report.copied),
        },
    )
