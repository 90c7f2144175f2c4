"""The calm: the weather has passed, what is bad for good has stayed. One pass of each kind, and who is harmed by it."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.faults.happenings import Happenings
from polar_attio_pipeline_tests.faults.harm import blamed, harmed, read_rows, without_outcome
from polar_attio_pipeline_tests.faults.lasting import Lasting
from polar_attio_pipeline_tests.faults.life import Life
from polar_attio_pipeline_tests.faults.pipeline import Ended, Machine, Pipeline

Pass = Callable[[str, Callable[[Life, Machine], Ended | None]], None]
"""Runs a pass on some machine, under a name."""


@dataclass(frozen=True, slots=True)
class Calm:
    """What was found in the calm.

    Attributes:
        harmed: Healthy customers who are not right in Attio, or who are on record as failed.
        unexplained: Customers without an outcome, or with a failure that does not say why.
    """

    harmed: list[str]
    unexplained: list[str]


def live_through(sandbox: Sandbox, happenings: Happenings, lasting: Lasting, pipeline: Pipeline, run: Pass) -> Calm:
    """Run one hourly pass over all hours and one reconciliation, and see after each who is right in Attio.

    Services are up, and nothing changes but that late customers appear, who do not count. The hourly pass dies at an
    hour whose runs die; the hours behind it are asked for by runs of their own, as the sensor does.
    """
    polar, attio = sandbox.polar, sandbox.attio
    polar.settle()
    bad = {*lasting.victims, *happenings.broken}
    there = {row.id: floor(row.created_at) for row in polar.customers.values()}
    healthy = [one for one in there if one not in bad]
    hours = pipeline.hours
    for some in _stretches(hours, pipeline.doomed):
        run("calm, hours", functools.partial(pipeline.sync, some))
    in_hours = [one for one in healthy if there[one] in hours and there[one] not in pipeline.doomed]
    wrong = [f"after the hourly pass: {sentence}" for sentence in harmed(polar, attio, in_hours)]
    run("calm, reconciliation", pipeline.reconcile)
    wrong += [f"after the reconciliation: {sentence}" for sentence in harmed(polar, attio, healthy)]
    rows = read_rows(pipeline.database)
    return Calm([*wrong, *blamed(polar, rows, healthy)], without_outcome(rows, there))


def _stretches(hours: Sequence[datetime], doomed: set[datetime]) -> Iterator[Sequence[datetime]]:
    """Yield all hours, then those behind each hour at which a run dies."""
    yield hours
    for number, hour in enumerate(hours):
        if hour in doomed and hours[number + 1 :]:
            yield hours[number + 1 :]
