"""What a pass does, gathered until it is stored."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.ledger.changes import rows_of
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.writes import Write

PORTION = 1000
"""Outcomes stored at once."""

SAVE_SECONDS = 1.0
"""A write waits no longer than until the next outcome after this time, so that a process that is killed loses the
history of what it wrote in its last second, and of the writes whose answer it was waiting for."""

Store = Callable[[Sequence[Outcome], Sequence[Mapping[str, Any]]], None]
"""Stores outcomes and rows of the history in one transaction."""


class Recorder:
    """Takes the outcomes and the writes of one pass, and stores those that belong together in one transaction.

    Implements `sync.ports.History`.

    Args:
        store: As above.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outcomes: list[Outcome] = []
        self._changes: list[dict[str, Any]] = []
        self._oldest_write = 0.0

    def add(self, write: Write) -> None:
        """Take a write that Attio has answered; it is stored with the outcome that follows, or soon after."""
        if not self._changes:
            self._oldest_write = time.monotonic()
        self._changes += rows_of(write, at=datetime.now(UTC))

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes.

        Raises:
            LedgerError: what waits cannot be stored; it goes on waiting.
        """
        self._outcomes.extend(outcomes)
        overdue = bool(self._changes) and time.monotonic() - self._oldest_write >= SAVE_SECONDS
        if overdue or len(self._outcomes) >= PORTION:
            self.save()

    def save(self) -> None:
        """Store everything that waits.

        Raises:
            LedgerError: it cannot be stored, and goes on waiting.
        """
        self._store(self._outcomes, self._changes)
        self._outcomes.clear()
        self._changes.clear()
