"""Asset `customer_reconciliation`: the whole book in one run. First import, daily repair, and the report of drift."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from polar_attio_pipeline import processes
from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.defs.failures import in_one_sentence
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import marked_table, numbers, outcome_table
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.reading import WholeBook
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.sync.engine import Services, reconcile, unmark
from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline.sync.reconciliation import Marked

MARKS_CHECK = "every_mark_is_a_customer"


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(
            MARKS_CHECK,
            asset="customer_reconciliation",
            description="Passes when everybody who is marked in Attio is one live customer of Polar. Warns with the "
            "list of those who are gone from Polar, and of those who share one Polar id.",
        )
    ],
    pool="attio",
    group_name="polar_to_attio",
    kinds={"polar", "attio"},
    description="Polar's whole book against everybody in Attio who is marked: whatever differs is repaired, whoever is "
    "marked and gone from Polar is reported. Also the first import.",
)
def customer_reconciliation(
    context: dg.AssetExecutionContext,
    polar: PolarResource,
    attio: AttioResource,
    ledger: LedgerResource,
    options: PassOptions,
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
    """Reconcile everything and report."""
    started = time.monotonic()
    context.instance.add_run_tags(context.run.run_id, {processes.TAG: processes.identity()})

    async def run() -> Report:
        async with polar.client() as book, attio.client() as people:
            return await _reconcile(book, people, ledger.open(), options, run_id=context.run.run_id)

    with in_one_sentence():
        report = asyncio.run(run())
    return dg.MaterializeResult(
        metadata={
            **numbers(report.counts, requests=report.requests, seconds=time.monotonic() - started),
            "drift": report.counts[Result.CREATED] + report.counts[Result.UPDATED],
            "gone": len(report.gone),
            "unmarked": len(report.unmarked),
            "copied ids": len(report.copied),
            "outcomes": outcome_table(report.notable),
            "marked, but gone from Polar": marked_table(report.gone),
            "people who share one Polar id": marked_table(report.copied),
        },
        check_results=[_marks_check(report)],
    )


def _marks_check(report: "Report") -> dg.AssetCheckResult:
    still = [person for person in report.gone if person not in report.unmarked]
    return dg.AssetCheckResult(
        check_name=MARKS_CHECK,
        passed=not still and not report.copied,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(still)} people are marked and gone from Polar, {len(report.copied)} share a Polar id.",
        metadata={
            "marked, but gone from Polar": marked_table(still),
            "people who share one Polar id": marked_table(report.copied),
        },
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconciliation found and did.

    Attributes:
        counts: Customers by result.
        notable: Every outcome but the unchanged ones.
        gone: People marked as customers whom Polar no longer has.
        unmarked: Those of them whose mark was taken off.
        copied: People who hold a Polar id that another person holds too.
        requests: Requests made, to both services.
    """

    counts: Mapping[Result, int]
    notable: Sequence[Outcome]
    gone: Sequence[Marked]
    unmarked: Sequence[Marked]
    copied: Sequence[Marked]
    requests: int


async def _reconcile(
    book: PolarClient, people: AttioClient, ledger: Ledger, options: PassOptions, *, run_id: str
) -> Report:
    reading = WholeBook(book)
    services = Services(people, book, people.workspace.targets, options.overwrite_typed)
    counts: Counter[Result] = Counter()
    notable: list[Outcome] = []
    with ledger.recording(run_id) as record:

        def keep(outcomes: Sequence[Outcome]) -> None:
            counts.update(outcome.result for outcome in outcomes)
            notable.extend(outcome for outcome in outcomes if outcome.result is not Result.UNCHANGED)
            record(outcomes)

        try:
            comparison = await reconcile(reading.pages(), services, keep)
        finally:
            keep(reading.unreadable())
    if comparison.met:
        # Whoever is in the book and unresolved has just had that outcome.
        listed = {outcome.customer_id for outcome in notable}
        unresolved = (row.polar_customer_id for row in ledger.unresolved(limit=None))
        ledger.forget([customer_id for customer_id in unresolved if customer_id not in listed])
    gone = comparison.gone()
    share = len(gone) / max(1, comparison.marked_count)
    trusted = comparison.met > 0 and share <= options.unmark_max_share
    unmarked = await unmark(gone, services) if options.unmark_gone and trusted else []
    return Report(
        counts=counts,
        notable=notable,
        gone=gone,
        unmarked=unmarked,
        copied=[person for people in comparison.copied.values() for person in people],
        requests=book.api.stats.requests.total() + people.api.stats.requests.total(),
    )
