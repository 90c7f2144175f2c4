"""Asset `attio_companies`: the companies that customers belong to, how many each has, and what they pay."""

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.markdown import links
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import Approvals, PassOptions
from polar_attio_pipeline.defs.reporting import (
    DESCRIBED,
    ROWS_SHOWN,
    PolarLink,
    Table,
    customer,
    polar_link,
    whole,
)
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_log import after_companies
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import run_writing
from polar_attio_pipeline.passes.companies import CompaniesDone, sync_companies
from polar_attio_pipeline.sync.companies.planning import CompanyOutcome
from polar_attio_pipeline.sync.outcomes import FAILED, Result

COMPANIES_CHECK = "every_company_is_in_attio"


def build_attio_companies(names: Names) -> dg.AssetsDefinition:
    """Return the asset."""

    @dg.asset(
        key=names.companies.asset,
        deps=[names.reconciliation.asset],
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        check_specs=[
            dg.AssetCheckSpec(
                COMPANIES_CHECK,
                asset=names.companies.asset,
                description="Passes when every company could be written and every person be linked. Warns with the "
                "lists of those that could not; each later run tries them again.",
            )
        ],
        pool=names.pool,
        kinds={"polar", "attio"},
        description="The companies of Attio that customers of Polar have addresses of: marked, with the number of "
        "customers and their monthly recurring revenue; and the people of these customers, linked to them. Look here "
        "to see which companies were written, which could not be, and which have no customer any more.",
    )
    def attio_companies(context: dg.AssetExecutionContext, config: Approvals) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class alone as one asset with checks
        started = time.monotonic()
        tag_run(context, names.process_tag)
        rules = given(context.resources, names.of("options"), PassOptions).company_rules()

        done = run_writing(
            context, names, after_companies(names), lambda work: sync_companies(work, rules), approve=config.approve
        )
        link = polar_link(given(context.resources, names.of("polar"), PolarResource))
        return dg.MaterializeResult(
            metadata=_metadata(done, seconds=time.monotonic() - started), check_results=[_check(done, link)]
        )

    return attio_companies


def _metadata(done: CompaniesDone, *, seconds: float) -> dict[str, Any]:
    results = (result for result in Result if result is not Result.EXCLUDED)
    return {
        "companies": sum(done.counts.values()),
        **{result.value: done.counts.get(result, 0) for result in results},
        "customers of companies": done.customers,
        "customers without a company": done.without,
        "companies without a customer": len(done.left),
        "people linked": done.links.linked,
        "people moved": done.links.moved,
        "people not linked": len(done.links.failed),
        "requests": done.requests,
        "seconds": round(seconds, 3),
        "outcomes": whole(_table(done.notable, total=len(done.notable))),
    }


def _check(done: CompaniesDone, link: PolarLink) -> dg.AssetCheckResult:
    failed = sum(done.counts.get(result, 0) for result in FAILED)
    companies = _table(done.failed, total=max(failed, len(done.failed)))
    people = _people(done.links.failed, link)
    problem = (
        f"{companies.total} companies could not be written, or not wholly:\n\n{companies.text(DESCRIBED)}\n\n"
        f"{people.total} people could not be linked:\n\n{people.text(DESCRIBED)}"
    )
    passed = not companies.total and not people.total
    return dg.AssetCheckResult(
        check_name=COMPANIES_CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description="Every company is in Attio, and everybody is linked." if passed else problem,
        metadata={
            "companies not written": companies.total,
            "people not linked": people.total,
            "companies": whole(companies),
            "people": whole(people),
        },
    )


def _people(failed: Mapping[str, str], link: PolarLink) -> Table:
    rows = [(customer(customer_id, link), why) for customer_id, why in islice(failed.items(), ROWS_SHOWN)]
    return Table(("Polar", "why the person could not be linked"), rows, total=len(failed))


def _table(outcomes: Sequence[CompanyOutcome], *, total: int) -> Table:
    rows = [
        (one.result.value, one.name, links(one.urls), one.reason.value if one.reason else ", ".join(one.changed))
        for one in outcomes[:ROWS_SHOWN]
    ]
    return Table(("outcome", "company", "Attio", "why, or what was written"), rows, total=total)
