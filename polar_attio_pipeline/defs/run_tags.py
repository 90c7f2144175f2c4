"""The tags of a run that say why it was started and which hours it covers, and the hidden one that says where it lives.

Dagster's list of runs shows the tags of users and cuts them off after some 35 characters, so the values are short.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from polar_attio_pipeline import processes
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.hours import HOUR

REASON = "polar_attio/reason"
HOURS = "polar_attio/hours"


def requested(reason: str, first: datetime, last: datetime) -> dict[str, str]:
    """Return the tags of a run that is requested for every hour from `first` to `last`, both included."""
    return {**range_tags(first, last), REASON: reason, HOURS: hours_in_words(first, last)}


def hours_in_words(first: datetime, last: datetime) -> str:
    """Return from when to when the hours go: "Nov 24, 12-15 UTC", or "Nov 24, 22 to Nov 25, 01 UTC"."""
    if first.date() == last.date():
        return f"{first:%b %d, %H}-{last.hour + 1:02} UTC"
    return f"{first:%b %d, %H} to {last + HOUR:%b %d, %H} UTC"


def times(number: int) -> str:
    """Return how often, in words: "once", "3 times"."""
    return "once" if number == 1 else f"{number} times"


def tag_run(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, process_tag: str, hours: Sequence[datetime] = ()
) -> None:
    """Tag a run that has begun with its process, and with why and for which hours if what started it did not say.

    Args:
        context: Of the first asset of the run, and of each further one; or of the op that is its pass.
        process_tag: Name of the tag for the process.
        hours: What the run covers, oldest first.
    """
    run = context.run
    tags = {process_tag: processes.run_identity(run.run_id)}
    if run.parent_run_id or REASON not in run.tags:
        # Dagster copies the tags of a run to the one that executes it again, and that has a reason of its own.
        tags[REASON] = _reason(run)
    if hours:
        tags[HOURS] = hours_in_words(hours[0], hours[-1])
    context.instance.add_run_tags(run.run_id, tags)


def _reason(run: dg.DagsterRun) -> str:
    if run.parent_run_id:
        return f"re-execution of {run.parent_run_id[:8]}"
    if backfill := run.tags.get("dagster/backfill"):
        return f"backfill {backfill[:8]}"
    return "by hand"
