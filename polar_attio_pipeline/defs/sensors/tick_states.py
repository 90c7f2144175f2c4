"""The states that `alerts` watches by the ticks of a sensor: whether one that looks at Polar is able to."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile

from polar_attio_pipeline.defs.dagster_private import Tick
from polar_attio_pipeline.defs.runs import sentence
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import State
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.http.redaction import redact

BLIND_FOR = timedelta(minutes=15)
"""So long a sensor may be unable to look at Polar: a service that is down for a moment is no news."""


def sensor_ticks(look: Look, ticks: Sequence[Tick], *, name: str, looks_for: str) -> State | None:
    """Return the state of a sensor that looks at Polar; None when it is stopped or was never evaluated.

    Args:
        look: The look that is taken.
        ticks: Its evaluations, the newest first.
        name: Of the sensor, without prefix, and of the state.
        looks_for: What it looks for, in words.
    """
    if not ticks:
        return None
    blind = list(takewhile(_is_blind, ticks))
    if not blind or look.now - blind[-1].at < BLIND_FOR:
        return State(name, None)
    said = (blind[0].said or "").removesuffix(CURSOR_KEPT).strip()
    why = sentence(redact(said) or "Its evaluation raises an error")
    return State(
        name,
        f"The sensor {look.watched.names.of(name)} has not been able to look for {looks_for} at least since "
        f"{blind[-1].at:%Y-%m-%d %H:%M} UTC. {why} See its ticks ({look.link('automation')}).",
    )


def _is_blind(tick: Tick) -> bool:
    return tick.failed or (tick.said or "").endswith(CURSOR_KEPT)
