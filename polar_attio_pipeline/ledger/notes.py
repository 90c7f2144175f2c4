"""Small things on record: passes, facts about the installation, confirmations by people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import CONFIRMATIONS, FACTS, PASSES


@dataclass(frozen=True, slots=True)
class End:
    """How a pass ended.

    Attributes:
        at: When.
        how: "finished", or the sentence of its error.
        counts: Customers by outcome.
        requests: Requests made, to both services.
    """

    at: datetime
    how: str
    counts: Mapping[str, int]
    requests: int


def begin_pass(connection: sa.Connection, pass_id: str, *, kind: str, reason: str, now: datetime) -> None:
    """Note that a pass begins; a step that is tried again begins its pass again."""
    connection.execute(sa.delete(PASSES).where(PASSES.c.pass_id == pass_id))
    connection.execute(sa.insert(PASSES).values(pass_id=pass_id, kind=kind, reason=reason, began_at=now))


def end_pass(connection: sa.Connection, pass_id: str, end: End) -> None:
    """Note how a pass ended."""
    row = sa.update(PASSES).where(PASSES.c.pass_id == pass_id)
    connection.execute(row.values(ended=end.how, ended_at=end.at, counts=dict(end.counts), requests=end.requests))


def fact(connection: sa.Connection, name: str) -> str | None:
    """Return a fact, None if it is not on record."""
    return connection.execute(sa.select(FACTS.c.value).where(FACTS.c.name == name)).scalar_one_or_none()


def set_fact(connection: sa.Connection, name: str, value: str) -> None:
    """Put a fact on record, in place of what was."""
    connection.execute(sa.delete(FACTS).where(FACTS.c.name == name))
    connection.execute(sa.insert(FACTS).values(name=name, value=value))


def update_fact(connection: sa.Connection, name: str, change: Callable[[str | None], str]) -> str:
    """Put on record what a function makes of a fact, None if it is not on record; return that."""
    known = fact(connection, name)
    value = change(known)
    if value != known:
        set_fact(connection, name, value)
    return value


def confirm(connection: sa.Connection, name: str, *, now: datetime) -> None:
    """Note that a person has confirmed something; twice is once."""
    connection.execute(sa.delete(CONFIRMATIONS).where(CONFIRMATIONS.c.name == name))
    connection.execute(sa.insert(CONFIRMATIONS).values(name=name, confirmed_at=now))


def take_confirmation(connection: sa.Connection, name: str) -> bool:
    """Use a confirmation up; False if there is none."""
    return connection.execute(sa.delete(CONFIRMATIONS).where(CONFIRMATIONS.c.name == name)).rowcount == 1
