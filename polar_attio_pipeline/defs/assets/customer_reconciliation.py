"""Asset `customer_reconciliation`: all customers in one run. First import, daily repair, report of what differed."""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.assets.polar_subscriptions import SUBSCRIPTIONS
from polar_attio_pipeline.defs.external import CUSTOMERS_IN_POLAR
from polar_attio_pipeline.defs.history import history
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import Approvals
from polar_attio_pipeline.defs.reporting import (
    DESCRIBED,
    PolarLink,
    marked_table,
    numbers,
    outcome_tables,
    polar_link,
    whole,
)
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_log import after_reconciliation
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import observe_people, run_writing
from polar_attio_pipeline.passes.reconciliation import Reconciliation, reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import Result

DELETED_CHECK = "no_deleted_customer_is_marked"
COPIED_CHECK = "every_polar_id_is_held_once"

_CHECKS = {
    DELETED_CHECK: "Passes when no person in Attio is marked whose customer was deleted in Polar. Warns "
    "with the list of these people; the setting POLAR_ATTIO_UNMARK_ORPHANED takes their mark off.",
    COPIED_CHECK: "Passes when no two people in Attio hold the same Polar id. Warns with the list of those who do: "
    "merge them, or clear the id of the wrong one.",
}


def build_customer_reconciliation(names: Names) -> dg.AssetsDefinition:
    """Return the asset."""
    key = names.reconciliation.asset

    @dg.asset(
        key=key,
        deps=[names.asset(CUSTOMERS_IN_POLAR), names.asset(SUBSCRIPTIONS)],
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        check_specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _CHECKS.items()],
        pool=names.pool,
        kinds={"polar", "attio"},
        description="Compares all customers of Polar with all people in Attio who are marked, repairs what differs, "
        "and reports people whose customer was deleted in Polar. Also the first import. Look here to see whether Attio "
        "agrees with Polar as a whole, and what had to be repaired.",
    )
    def customer_reconciliation(context: dg.AssetExecutionContext, config: Approvals) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
        return _reconcile(context, names, config)

    return customer_reconciliation


def _reconcile(context: dg.AssetExecutionContext, names: Names, config: Approvals) -> dg.MaterializeResult[None]:
    """Reconcile everything and report."""
    started = time.monotonic()
    tag_run(context, names.process_tag)

    async def work(connected: PassContext) -> Reconciliation:
        # Of this very run: one that holds the reconciliation alone has none, and reads Polar itself.
        return await reconcile(connected, connected.ledger.load_subscriptions(context.run.run_id))

    report = run_writing(context, names, after_reconciliation(names), work, approve=config.approve)
    observe_people(context, names)
    link = polar_link(given(context.resources, names.of("polar"), PolarResource))
    metadata = {**_metadata(report, link, seconds=time.monotonic() - started), **history(context, names, link)}
    return dg.MaterializeResult(metadata=metadata, check_results=_checks(report, link))


def _metadata(report: Reconciliation, link: PolarLink, *, seconds: float) -> dict[str, Any]:
    return {
        **numbers(report.counts, requests=report.requests, seconds=seconds),
        "differed from Polar": report.counts[Result.CREATED] + report.counts[Result.UPDATED],
        "marked, but deleted in Polar": len(report.orphaned),
        "unmarked": len(report.unmarked),
        "people who share a Polar id": len(report.copied),
        **outcome_tables("outcomes", report.notable, link, total=report.notable_count),
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
