"""Putting a backup in place of a ledger in SQLite."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.backup import copy, examine, finish, move_aside, overwrite, private_file
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.errors import DamagedError, NewerError
from polar_attio_pipeline.ledger.location import Location, locate
from polar_attio_pipeline.ledger.schema import CONFIRMATIONS, FACTS, LEASE, SKIPPED

UNUSABLE = (DamagedError, NewerError)
"""Why the ledger that is there cannot be opened; it is moved aside then."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stays as it is now, whatever a backup says.

    Attributes:
        fencing_token: How often the lease was acquired: no pass to come may have the number of an earlier one.
        skipped: Whom a person has left out; None where that is not known.
        facts: Facts that stay, by name; None for one that there is not. Empty where that is not known.
    """

    fencing_token: int = 0
    skipped: list[dict[str, Any]] | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)


def put_back(  # noqa: PLR0913  # keyword-only
    backup: Path,
    place: Location,
    kept: Path,
    *,
    patience: float,
    void: Collection[str] = (),
    stay: Collection[str] = (),
) -> Path | None:
    """Put a backup in place of a ledger; what is there now is kept in another file.

    A ledger that can be opened is replaced as one transaction, which programs that have it open see as one write. The
    lease is free afterwards, and approvals that were given before the backup are void: they may have been used since.
    Customers who are left out stay those of now.

    Args:
        backup: A file that `examine` takes.
        place: The ledger, a SQLite file; its lease is the caller's, if it can be opened.
        kept: Where the present one is kept.
        patience: How many seconds to wait for writers.
        void: Names of facts that are void as well.
        stay: Names of facts that stay as they are now.

    Returns:
        Where the present one was kept; None where there is none.

    Raises:
        LedgerError: that is not possible; the ledger is as before.
    """
    file = place.file
    assert file is not None, "only SQLite's files come here"
    source = locate(backup)
    with private_file(file) as fresh:
        copy(source, fresh, patience=patience)
        if not file.exists():
            _adapt(fresh, _Standing(), patience, void)
            finish(fresh, file)
            return None
        try:
            examine(file, name=f"The ledger {place.name}")
        except UNUSABLE:
            _adapt(fresh, _Standing(), patience, void)
            move_aside(file, kept)
            finish(fresh, file)
            return kept
        copy(place, kept, patience=patience)
        _adapt(fresh, _standing(place, patience, stay), patience, void)
        overwrite(fresh, place, patience=patience)
        return kept


def _standing(place: Location, patience: float, stay: Collection[str]) -> _Standing:
    with Database(place, patience=patience).reading() as connection:
        token = connection.execute(sa.select(LEASE.c.fencing_token)).scalar_one()
        skipped = [dict(row) for row in connection.execute(sa.select(SKIPPED)).mappings()]
        known = connection.execute(sa.select(FACTS.c.name, FACTS.c.value).where(FACTS.c.name.in_(stay)))
        facts = {row.name: row.value for row in known}
    return _Standing(token, skipped, {name: facts.get(name) for name in stay})


def _adapt(fresh: Path, standing: _Standing, patience: float, void: Collection[str]) -> None:
    """Bring a copy of a backup to this version's schema, and keep what has to stay as it is now."""
    database = Database(locate(fresh), patience=patience)
    with database.writing() as connection:
        token = connection.execute(sa.select(LEASE.c.fencing_token)).scalar_one()
        free = {"owner": None, "activity": "", "heartbeats": 0}
        connection.execute(sa.update(LEASE).values(**free, fencing_token=max(token, standing.fencing_token) + 1))
        connection.execute(sa.delete(CONFIRMATIONS))
        connection.execute(sa.delete(FACTS).where(FACTS.c.name.in_({*void, *standing.facts})))
        facts = [{"name": name, "value": value} for name, value in standing.facts.items() if value is not None]
        if facts:
            connection.execute(sa.insert(FACTS), facts)
        if standing.skipped is not None:
            connection.execute(sa.delete(SKIPPED))
        if standing.skipped:
            connection.execute(sa.insert(SKIPPED), standing.skipped)
    database.close()
