"""Asset `polar_subscriptions`: all subscriptions of Polar, and what they bring in a month."""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.external import CUSTOMERS_IN_POLAR
from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.markdown import escaped
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import observation
from polar_attio_pipeline.defs.reporting import Table, whole
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_log import run_pass
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import SubscriptionSnapshot
from polar_attio_pipeline.passes.progress import Report
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.passes.subscriptions import SubscriptionsRead, read_subscriptions
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.overview import Overview, overview

SUBSCRIPTIONS = "polar_subscriptions"

READ_CHECK = "subscriptions_can_be_read"

_PRODUCTS = 20

_PATIENCE = RetryPolicy(attempts=3)
"""Where this is not enough, the reconciliation that follows asks again, with all its patience."""


def build_polar_subscriptions(names: Names) -> dg.AssetsDefinition:
    """Return the asset."""
    key = names.asset(SUBSCRIPTIONS)

    @dg.asset(
        key=key,
        deps=[names.asset(CUSTOMERS_IN_POLAR)],
        required_resource_keys={names.of("polar"), names.of("ledger"), names.of("options")},
        check_specs=[
            dg.AssetCheckSpec(
                READ_CHECK,
                asset=key,
                description="Passes when all subscriptions were read. Warns with the reason otherwise, such as a scope "
                "that the token lacks: the reconciliation then goes on, and what it cannot read either stays as it is "
                "in Attio.",
            )
        ],
        kinds={"polar"},
        description="All subscriptions of Polar in one scan, a moment before the reconciliation, which computes from "
        "them what each customer pays. Look here to see how many there are in which status, and what they bring in a "
        "month, by currency and by product.",
    )
    def polar_subscriptions(
        context: dg.AssetExecutionContext,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
        return _read(context, names)

    return polar_subscriptions


def _read(context: dg.AssetExecutionContext, names: Names) -> dg.MaterializeResult[None]:
    """Read all subscriptions, keep them for the reconciliation of this run, and report."""
    started = time.monotonic()
    tag_run(context, names.process_tag)
    polar = given(context.resources, names.of("polar"), PolarResource)
    ledger = given(context.resources, names.of("ledger"), LedgerResource).open()

    async def read(report: Report, _: Stop) -> SubscriptionsRead:
        async with polar.client(retry=_PATIENCE) as client:
            return await read_subscriptions(client, ledger, report)

    found = run_pass(context.log, read, observation(context, names))
    cost = {"requests": found.requests, "seconds": round(time.monotonic() - started, 3)}
    if found.snapshot is None:
        problem = found.problem or ""
        return dg.MaterializeResult(
            metadata={**cost, "not read": problem}, check_results=[_check(names, passed=False, text=problem)]
        )
    with explained_failures():
        ledger.save_subscriptions(context.run.run_id, found.snapshot)
    described = overview(found.snapshot.subscriptions, now=found.snapshot.polar_read_at)
    return dg.MaterializeResult(
        metadata={**_metadata(described), **cost}, check_results=[_judge(names, found.snapshot)]
    )


def _judge(names: Names, snapshot: SubscriptionSnapshot) -> dg.AssetCheckResult:
    bad = snapshot.problems
    if not bad:
        return _check(names, passed=True, text="All subscriptions were read.")
    first = next(iter(bad))
    text = (
        f"Subscriptions of {len(bad):,} customers cannot be read, such as of {escaped(first)}: {escaped(bad[first])}."
    )
    return _check(names, passed=False, text=text)


def _check(names: Names, *, passed: bool, text: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=names.asset(SUBSCRIPTIONS),
        check_name=READ_CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=text,
    )


def _metadata(found: Overview) -> Mapping[str, Any]:
    """Return numbers that the UI plots, money in whole units of the currency's smallest one, and tables."""
    statuses = [(status, f"{count:,}") for status, count in found.by_status.items()]
    products = [(one.name, f"{one.subscriptions:,}", _shown(one.mrr)) for one in found.products[:_PRODUCTS]]
    header = ("product", "subscriptions that bring revenue", "MRR")
    return {
        "subscriptions": found.subscriptions,
        "dagster/row_count": found.subscriptions,
        **{f"MRR in {money.currency}, smallest unit": money.minor for money in found.mrr},
        "MRR": " + ".join(map(_shown, found.mrr)) or "none",
        "of an unknown interval, in no MRR": found.uncounted,
        "by status": whole(Table(("status in Polar", "subscriptions"), statuses, total=len(statuses))),
        "by product": whole(Table(header, products, total=len(found.products))),
    }


def _shown(money: Money) -> str:
    amount = money.amount
    return f"{money.minor:,} {money.currency} (smallest unit)" if amount is None else f"{amount:,} {money.currency}"
