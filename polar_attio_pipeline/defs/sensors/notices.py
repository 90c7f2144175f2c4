"""One notice when a state turns bad and one when it is good again, to any channel that apprise can reach.

Each channel is remembered by itself: one that is down gets its notice later, and the others hear nothing twice.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polar_attio_pipeline.channels import Notice


@dataclass(frozen=True, slots=True)
class State:
    """Something that is well or not.

    Attributes:
        name: What it is about; the same from tick to tick.
        problem: What is wrong and what to do, as a sentence without names and addresses; None if it is well.
    """

    name: str
    problem: str | None


Told = Mapping[str, Mapping[str, str]]
"""For each channel, by `fingerprint`: the problems that it was told of and that it was not told are over, by name."""


def load(cursor: str | None) -> Told:
    """Return what each channel was told; nothing where the cursor is missing or garbage."""
    try:
        stored = json.loads(cursor or "{}")
        return {str(channel): {str(name): str(text) for name, text in told.items()} for channel, told in stored.items()}
    except (ValueError, AttributeError):
        return {}


def dump(told: Told) -> str:
    """Return the form in which Dagster stores what each channel was told."""
    return json.dumps(told, sort_keys=True)


def notices(told: Mapping[str, str], states: Iterable[State]) -> list[Notice]:
    """Return what to tell a channel: states that have turned bad, and states that are good again."""
    found: list[Notice] = []
    for state in states:
        if state.problem and state.name not in told:
            found.append(Notice(state.name, state.problem, good=False))
        elif state.problem is None and state.name in told:
            found.append(Notice(state.name, f"Over: {told[state.name]}", good=True))
    return found


def remember(told: Mapping[str, str], taken: Iterable[Notice]) -> dict[str, str]:
    """Return the problems that a channel knows of after it has taken these notices."""
    taken = list(taken)
    over = {notice.state for notice in taken if notice.good}
    known = {name: problem for name, problem in told.items() if name not in over}
    return {**known, **{notice.state: notice.text for notice in taken if not notice.good}}
