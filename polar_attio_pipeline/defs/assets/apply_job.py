"""Job `apply_plan`: writes a plan that a person has agreed to, from the UI. It is no materialisation of an asset."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.reporting import (
    ROWS_SHOWN,
    PolarLink,
    Table,
    customer,
    numbers,
    outcome_tables,
    polar_link,
    whole,
)
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import run_writing
from polar_attio_pipeline.passes.apply import Applied, apply_plan
from polar_attio_pipeline.passes.plan_file import load
from polar_attio_pipeline.passes.progress import Upcoming
from polar_attio_pipeline.sync.outcomes import tally

_AGAIN = "Launch the job again with the same file: it writes the rest, and nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)


class ApplyPlanConfig(dg.Config):
    """Which plan to write."""

    file: str = Field(
        description="Where the plan is on the machine that runs this, such as /home/ada/import.json: what "
        "`polar-attio plan --out FILE` has written."
    )
    only: list[str] = Field(default_factory=list, description="Polar's ids of the customers to write; empty for all.")


def build_apply_job(names: Names, tags: Mapping[str, str]) -> dg.JobDefinition:
    """Return the job; its runs carry the tags as well."""

    @dg.op(
        name=names.of("write_plan"),
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        out=dg.Out(dg.Nothing),
        pool=names.pool,
        description="Reads each customer of the plan anew, and writes what the plan says where nothing has changed "
        "since. The others are left out, and named with what differs.",
    )
    def write_plan(context: dg.OpExecutionContext, config: ApplyPlanConfig) -> None:
        _apply(context, config, names)

    @dg.job(
        name=names.of("apply_plan"),
        executor_def=dg.in_process_executor,
        tags=tags,
        description="Writes to Attio exactly what a plan says that somebody has looked at and agreed to. First run "
        "`polar-attio plan --out FILE` where this code location runs, and read what it shows. Then launch this job "
        "with the path of the file in the run config. Customers who have changed since, in Polar or in Attio, are "
        "left out, and the run names them. Nothing that is not in the file is written, and nothing twice.",
    )
    def apply_plan_job() -> None:
        write_plan()

    return apply_plan_job


def _apply(context: dg.OpExecutionContext, config: ApplyPlanConfig, names: Names) -> None:
    """Write a plan, and report."""
    started = time.monotonic()
    tag_run(context, names.process_tag)
    with explained_failures():
        plan = load(Path(config.file))
    applied = run_writing(context, names, _UPCOMING, lambda work: apply_plan(work, plan, only=config.only))
    link = polar_link(given(context.resources, names.of("polar"), PolarResource))
    context.add_output_metadata(_report(applied, link, seconds=time.monotonic() - started))


def _report(applied: Applied, link: PolarLink, *, seconds: float) -> dict[str, Any]:
    return {
        **numbers(tally(applied.agreed), requests=applied.requests, seconds=seconds),
        "people of deleted customers": applied.deletions_written,
        "drifted": len(applied.drifted),
        "not read": len(applied.unread),
        "left out": whole(_drifted(applied, link)),
        **outcome_tables("outcomes", applied.agreed, link),
    }


def _drifted(applied: Applied, link: PolarLink) -> Table:
    rows = [
        (customer(drift.customer_id, link), ", ".join(drift.attributes), drift.sentence)
        for drift in applied.drifted[:ROWS_SHOWN]
    ]
    return Table(
        ("Polar", "attributes", "why"), rows, total=len(applied.drifted), rest="which `polar-attio plan` shows anew"
    )
