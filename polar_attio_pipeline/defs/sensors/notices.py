"""One notice when a state turns bad and one when it is over: rules of values.

Each channel is remembered by itself: one that is down gets its notice later, and the others get nothing twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polar_attio_pipeline.channels import Kind, Notice

LEDGER = "ledger"
FAILING_HOURS = "failing hours"
OVERDUE_HOURS = "overdue hours"
RECONCILIATION = "reconciliation"
COMPANIES = "companies"
UNRESOLVED_CUSTOMERS = "unresolved customers"
SENSOR = "new_polar_customers"
CHANGES = "polar_changes"
SERVICES = "services"
MANY_CHANGES = "many changes"

STATES = (
    LEDGER,
    FAILING_HOURS,
    OVERDUE_HOURS,
    RECONCILIATION,
    COMPANIES,
    UNRESOLVED_CUSTOMERS,
    SENSOR,
    CHANGES,
    SERVICES,
    MANY_CHANGES,
)
"""Every state that is watched."""


@dataclass(frozen=True, slots=True)
class State:
    """Something that is well or not. A state that could not be judged in a tick is none of its states.

    Attributes:
        name: What it is about; the same from tick to tick.
        problem: What is wrong and what to do, without names and addresses of people; None if it is well.
    """

    name: str
    problem: str | None


def notices(announced: Mapping[str, str], states: Iterable[State]) -> list[Notice]:
    """Return what to send to a channel: states that have turned bad, and bad states that are over.

    Args:
        announced: The problems that were announced on the channel and whose end was not announced yet, by state.
        states: As they are now, without those that could not be judged.
    """
    found: list[Notice] = []
    for state in states:
        if state.problem and state.name not in announced:
            found.append(Notice(state.name, state.problem))
        elif state.problem is None and state.name in announced:
            found.append(Notice(state.name, f"This is over. It began as: {announced[state.name]}", Kind.OVER))
    return found


def remember(announced: Mapping[str, str], taken: Iterable[Notice]) -> dict[str, str]:
    """Return the problems that a channel knows of after it has taken these notices."""
    taken = list(taken)
    over = {notice.state for notice in taken if notice.kind is Kind.OVER}
    known = {name: problem for name, problem in announced.items() if name not in over}
    return {**known, **{notice.state: notice.text for notice in taken if notice.kind is Kind.PROBLEM}}
