"""The history as the ledger shows it, and writes that are about to be made."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from polar_attio_pipeline.ledger import changes, intents, past
from polar_attio_pipeline.ledger.changes import ChangeRow
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.intents import IntentKey, Settled
from polar_attio_pipeline.ledger.past import Past
from polar_attio_pipeline.sync.intents import Intent


class HistoryOnRecord:
    """What passes have written to Attio, and what they were about to write; a part of `Ledger`."""

    _database: Database

    def changes_of_customer(self, customer_id: str) -> list[ChangeRow]:
        """Return every attribute that was written to Attio for a customer, oldest first."""
        with self._database.reading() as connection:
            return changes.of_customer(connection, customer_id)

    def changes_of_pass(self, pass_id: str) -> list[ChangeRow]:
        """Return every attribute that a pass has written to Attio, oldest first."""
        with self._database.reading() as connection:
            return changes.of_pass(connection, pass_id)

    def all_changes(self) -> list[ChangeRow]:
        """Return the whole history, oldest first."""
        with self._database.reading() as connection:
            return changes.everything(connection)

    def links(self, record_ids: Collection[str]) -> dict[str, str]:
        """Return the company that a pass has linked people to, by the person's record id."""
        with self._database.reading() as connection:
            return changes.links(connection, record_ids)

    def written_to(self, record_ids: Collection[str]) -> dict[str, list[Past]]:
        """Return what passes have written to some records of Attio, by record, the newest first."""
        with self._database.reading() as connection:
            return past.written_to(connection, record_ids)

    def written_since(self, left: Iterable[Intent]) -> list[Past]:
        """Return what passes have written for the customers and to the records of intended writes, in no order."""
        listed = list(left)
        customer_ids = {intent.customer_id for intent in listed if intent.customer_id}
        record_ids = {intent.record_id for intent in listed if intent.record_id}
        with self._database.reading() as connection:
            rows = past.written_for(connection, customer_ids)
            rows += itertools.chain.from_iterable(past.written_to(connection, record_ids).values())
        return list({row.number: row for row in rows}.values())

    def intend(
        self, writes: Sequence[Intent], *, pass_id: str, instead_of: Sequence[IntentKey] = ()
    ) -> list[IntentKey]:
        """Store writes that are about to be sent, in place of others; return their keys, in the same order."""
        with self._database.writing() as connection:
            intents.settle(connection, map(Settled, instead_of))
            return intents.store(connection, writes, pass_id=pass_id, now=datetime.now(UTC))

    def unsettled(self) -> list[tuple[IntentKey, Intent]]:
        """Return the writes of which it is not known what became of them, oldest first."""
        with self._database.reading() as connection:
            return intents.left(connection)
