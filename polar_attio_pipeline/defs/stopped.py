"""Passes that a guard has stopped: what a person approves who launches a run, and what the run shows of the stop."""

import logging
from collections.abc import Collection

import dagster as dg

from polar_attio_pipeline.defs.markdown import link, links
from polar_attio_pipeline.defs.reporting import Table, whole
from polar_attio_pipeline.passes.approvals import CONFIRMABLE, MANY_CHANGES
from polar_attio_pipeline.sync.brake import Tally, in_order

WAITS_FOR = "polar_attio/waits_for"
"""Tag of a run that a guard has stopped: the name of what a person may approve."""


def approved_by(run: dg.DagsterRun, approve: Collection[str], log: logging.Logger) -> frozenset[str]:
    """Return what a run's config approves; nothing in a re-execution, which Dagster may have started by itself.

    Args:
        run: The run.
        approve: Its config.
        log: Takes that a re-execution approves nothing.

    Raises:
        dagster.Failure: there is nothing to approve by such a name.
    """
    unknown = sorted(set(approve) - CONFIRMABLE.keys())
    if unknown:
        raise dg.Failure(
            description=f"There is nothing to approve by the name {', '.join(unknown)}: write into `approve` in the "
            f"config of the run some of {', '.join(sorted(CONFIRMABLE))}, or nothing.",
            allow_retries=False,
        )
    if approve and run.parent_run_id:
        log.warning("A re-execution approves nothing: launch the job anew to approve %s.", ", ".join(approve))
        return frozenset()
    return frozenset(approve)


def waits_for_changes(run: dg.DagsterRun) -> bool:
    """Tell whether a failed run was stopped because it would have changed too many people: no service has failed."""
    return run.tags.get(WAITS_FOR) == MANY_CHANGES.name


def stopped_tables(tally: Tally) -> dict[str, dg.MarkdownMetadataValue | dg.TextMetadataValue]:
    """Return which attributes of how many people a pass would have changed, and of whom, as tables with links."""
    counts = [(one.key, one.effect.value, f"{count:,}") for one, count in in_order(tally.counts)]
    examples = [
        (one.key, one.effect.value, link(person.customer_id[:8], person.polar_url), links([person.attio_url]))
        for one, _ in in_order(tally.counts)
        for person in tally.examples[one]
    ]
    return {
        "attributes": whole(Table(("attribute", "its value is", "people"), counts, total=len(counts))),
        "examples": whole(Table(("attribute", "its value is", "Polar", "Attio"), examples, total=len(examples))),
    }
