"""What a pass does, gathered until it is stored."""

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from polar_attio_pipeline.ledger.changes import rows_of
from polar_attio_pipeline.ledger.intents import IntentKey, Settled
from polar_attio_pipeline.ledger.past import Past
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.writes import Write

PORTION = 1000
"""Outcomes stored at once."""

SAVE_SECONDS = 1.0
"""A write waits no longer than until the next outcome after this time, so that after a process was killed few writes
have to be looked up in Attio."""


class Storing(Protocol):
    """Where a recorder stores; each call is one transaction."""

    def record(
        self,
        customers: Sequence[Outcome],
        *,
        pass_id: str,
        settled: Sequence[Settled] = (),
    ) -> None:
        """Store outcomes, and what became of intended writes."""
        ...

    def intend(self, intents: Sequence[Intent], *, pass_id: str, instead_of: Sequence[IntentKey]) -> list[IntentKey]:
        """Store intended writes, and delete others; return their keys, in the same order."""
        ...


class Recorder:
    """Takes the outcomes and the writes of one pass, and stores those that belong together in one transaction.

    Implements `sync.ports.History`.

    Args:
        pass_id: Of the pass.
        ledger: Where it is stored.
        left: Intended writes of earlier passes that are not settled, oldest first.
        past: What the history has of their customers.
    """

    def __init__(
        self,
        pass_id: str,
        ledger: Storing,
        left: Sequence[tuple[IntentKey, Intent]] = (),
        past: Iterable[Past] = (),
    ) -> None:
        self._pass_id = pass_id
        self._ledger = ledger
        self._outcomes: list[Outcome] = []
        self._settled: list[Settled] = []
        self._open: dict[str | None, dict[Intent, IntentKey]] = {}
        self._overwritten: set[Intent] = set()
        self._oldest_write = 0.0
        self.left = tuple(intent for _, intent in left)
        """Intended writes of earlier passes that were not settled when this one began."""
        for key, intent in left:
            self._overwritten.update(self._overlapped([intent]))
            self._open.setdefault(intent.customer_id, {})[intent] = key
        for row in past:
            self._overwritten.update(one for one in self._open.get(row.customer_id, ()) if row.overlaps(one))

    def intend(self, intents: Sequence[Intent]) -> None:
        """Store writes that are about to be sent, in place of earlier ones of which a look has shown nothing.

        An earlier one that they only write over stays open: what the record held before them says what became of it.

        Raises:
            LedgerError: they cannot be stored.
        """
        overlapped = self._overlapped(intents)
        replaced = [
            one
            for one in overlapped
            if one not in self._overwritten and all(intent.replaces(one) for intent in intents if intent.overlaps(one))
        ]
        instead_of = [self._open[one.customer_id][one] for one in replaced]
        keys = self._ledger.intend(intents, pass_id=self._pass_id, instead_of=instead_of)
        self._overwritten.update(overlapped)
        for earlier in replaced:
            self._forget(earlier)
        for intent, key in zip(intents, keys, strict=True):
            self._open.setdefault(intent.customer_id, {})[intent] = key

    def settle(self, intent: Intent, *writes: Write) -> None:
        """Take what became of an intended write; it is stored with the outcome that follows, or soon after."""
        self._settle(intent, writes)

    def settle_seen(self, intent: Intent, write: Write, later: Collection[int]) -> None:
        """Take what a look has shown of an intended write.

        Args:
            intent: Of an earlier pass.
            write: What of it was carried out.
            later: Numbers of rows of the history that were written to the record after it.
        """
        self._settle(intent, [write], later)

    def _settle(self, intent: Intent, writes: Sequence[Write], later: Collection[int] = ()) -> None:
        key = self._forget(intent)
        if key is not None:
            self._begin_to_wait()
            now = datetime.now(UTC)
            rows = [{**row, "pass_id": key.pass_id} for write in writes for row in rows_of(write, at=now)]
            self._settled.append(Settled(key, rows, later))

    def unsettled(self, customer_id: str) -> Sequence[Intent]:
        """Return the writes for a customer, oldest first, of which it is not known what became of them.

        Those that a later one has written over are not among them: what the record holds now says nothing of them.
        """
        return [intent for intent in self._open.get(customer_id, ()) if intent not in self._overwritten]

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes.

        Raises:
            LedgerError: what waits cannot be stored; it goes on waiting.
        """
        self._outcomes.extend(outcomes)
        waits = bool(self._settled)
        overdue = waits and time.monotonic() - self._oldest_write >= SAVE_SECONDS
        if overdue or len(self._outcomes) >= PORTION:
            self.save()

    def save(self) -> None:
        """Store everything that waits.

        Raises:
            LedgerError: it cannot be stored, and goes on waiting.
        """
        self._ledger.record(self._outcomes, pass_id=self._pass_id, settled=self._settled)
        self._outcomes.clear()
        self._settled.clear()

    def _begin_to_wait(self) -> None:
        if not self._settled:
            self._oldest_write = time.monotonic()

    def _overlapped(self, intents: Sequence[Intent]) -> list[Intent]:
        return [
            earlier
            for customer_id in dict.fromkeys(intent.customer_id for intent in intents)
            for earlier in self._open.get(customer_id, ())
            if any(intent.overlaps(earlier) for intent in intents if intent.customer_id == customer_id)
        ]

    def _forget(self, intent: Intent) -> IntentKey | None:
        of_customer = self._open.get(intent.customer_id, {})
        key = of_customer.pop(intent, None)
        if not of_customer:
            self._open.pop(intent.customer_id, None)
        return key
