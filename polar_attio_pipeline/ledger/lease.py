"""The lease: one writer at a time, over all processes and machines.

No clocks are compared: a holder counts its heartbeats, and a process that sees the same count for long enough, by its
own clock, may take over.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import LEASE


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease.

    Attributes:
        owner: Names a process; None if the lease is free.
        what: What the owner does, for people.
        beat: How often the owner has shown since it took the lease that it is alive.
        turn: How often the lease was taken, ever.
    """

    owner: str | None
    what: str
    beat: int
    turn: int


def holder(connection: sa.Connection) -> Holder:
    """Return who holds the lease."""
    row = connection.execute(sa.select(LEASE.c.owner, LEASE.c.what, LEASE.c.beat, LEASE.c.turn)).one_or_none()
    return Holder(*row) if row else Holder(owner=None, what="", beat=0, turn=0)


def take(connection: sa.Connection, owner: str, what: str, *, instead_of: Holder | None) -> int | None:
    """Take the lease if it is free, or from a holder that has sent no heartbeat since; return the new turn."""
    found = holder(connection)
    if found.owner is not None if instead_of is None else found != instead_of:
        return None
    turn = found.turn + 1
    connection.execute(sa.update(LEASE).values(owner=owner, what=what, beat=0, turn=turn))
    return turn


def beat(connection: sa.Connection, turn: int) -> bool:
    """Show that the holder of a turn is alive; False if the turn is over."""
    held = sa.update(LEASE).where(LEASE.c.turn == turn, LEASE.c.owner.is_not(None))
    return connection.execute(held.values(beat=LEASE.c.beat + 1)).rowcount == 1


def release(connection: sa.Connection, turn: int) -> None:
    """Let others have the lease, unless the turn is over already."""
    connection.execute(sa.update(LEASE).where(LEASE.c.turn == turn).values(owner=None, what="", beat=0))
