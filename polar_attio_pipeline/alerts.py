"""One notice when a state turns bad and one when it is good again, to any channel that apprise can reach."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """Something that is well or not.

    Attributes:
        name: What it is about; the same from tick to tick.
        problem: What is wrong and what to do, as a sentence without names and addresses; None if it is well.
    """

    name: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about a state that has changed."""

    title: str
    text: str
    good: bool


def load(cursor: str | None) -> dict[str, str]:
    """Return the problems that people were told of, by name; none where the cursor is missing or garbage."""
    try:
        told = json.loads(cursor or "{}")
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(name): str(problem) for name, problem in told.items()}


def dump(told: Mapping[str, str]) -> str:
    """Return the form in which Dagster stores what people were told."""
    return json.dumps(told, sort_keys=True)


def notices(told: Mapping[str, str], states: Iterable[State]) -> list[Notice]:
    """Return what to tell: states that have turned bad, and states that are good again."""
    found: list[Notice] = []
    for state in states:
        if state.problem and state.name not in told:
            found.append(Notice(f"Polar to Attio: {state.name}", state.problem, good=False))
        elif state.problem is None and state.name in told:
            found.append(Notice(f"Polar to Attio: {state.name} is well again", f"Over: {told[state.name]}", good=True))
    return found


def remember(states: Iterable[State]) -> dict[str, str]:
    """Return the problems to remember, so that nobody is told twice."""
    return {state.name: state.problem for state in states if state.problem}


def is_channel(url: str) -> bool:
    """Tell whether apprise knows what to do with an address."""
    import apprise  # noqa: PLC0415  # as in `send`

    return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None


def send(found: Sequence[Notice], urls: Sequence[str]) -> bool:
    """Send notices to every channel; tell whether all of them took all of it.

    Args:
        found: What to send.
        urls: Addresses in apprise's notation, such as "slack://..." or "mailto://...".
    """
    import apprise  # noqa: PLC0415  # half a second that quiet ticks need not pay

    channels = apprise.Apprise()
    for url in urls:
        channels.add(url)
    return all(
        bool(
            channels.notify(
                title=notice.title,
                body=notice.text,
                notify_type=apprise.NotifyType.SUCCESS if notice.good else apprise.NotifyType.FAILURE,
            )
        )
        for notice in found
    )
