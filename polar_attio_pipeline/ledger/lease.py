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
        activity: What the owner does, for people.
        heartbeats: How often the owner has shown since it acquired the lease that it is alive.
        fencing_token: How often the lease was acquired, ever: no two owners have the same one.
    """

    owner: str | None
    activity: str
    heartbeats: int
    fencing_token: int


_COLUMNS = (LEASE.c.owner, LEASE.c.activity, LEASE.c.heartbeats, LEASE.c.fencing_token)


def holder(connection: sa.Connection) -> Holder:
    """Return who holds the lease."""
    row = connection.execute(sa.select(*_COLUMNS)).one_or_none()
    return Holder(*row) if row else Holder(owner=None, activity="", heartbeats=0, fencing_token=0)


def acquire(connection: sa.Connection, owner: str, activity: str, *, instead_of: Holder | None) -> int | None:
    """Acquire the lease if it is free, or from a holder that has sent no heartbeat since; return the fencing token."""
    found = holder(connection)
    if found.owner is not None if instead_of is None else found != instead_of:
        return None
    token = found.fencing_token + 1
    connection.execute(sa.update(LEASE).values(owner=owner, activity=activity, heartbeats=0, fencing_token=token))
    return token


def renew(connection: sa.Connection, fencing_token: int) -> bool:
    """Show that the holder of a fencing token is alive; False if the lease is no longer its own."""
    own = sa.update(LEASE).where(LEASE.c.fencing_token == fencing_token, LEASE.c.owner.is_not(None))
    return connection.execute(own.values(heartbeats=LEASE.c.heartbeats + 1)).rowcount == 1


def release(connection: sa.Connection, fencing_token: int) -> None:
    """Let others have the lease, unless it is no longer the holder's own."""
    own = sa.update(LEASE).where(LEASE.c.fencing_token == fencing_token)
    connection.execute(own.values(owner=None, activity="", heartbeats=0))
