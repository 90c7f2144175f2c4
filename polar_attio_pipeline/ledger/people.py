"""What the ledger has of single people: who is left out, who was deleted, who is to be forgotten."""

from collections.abc import Collection
from datetime import UTC, datetime

from polar_attio_pipeline.ledger import deleted, erasure, finding, outcomes, reasons, retention, skipped, written
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.portions import VALUES
from polar_attio_pipeline.ledger.reasons import ReasonCount
from polar_attio_pipeline.ledger.skipped import SkippedRow
from polar_attio_pipeline.ledger.written import WrittenRow


class PeopleOnRecord:
    """The part of the ledger that is about single people; every method may raise `LedgerError`."""

    _database: Database

    def skipped(self) -> frozenset[str]:
        """Return the ids of the customers that are left out on purpose."""
        with self._database.reading() as connection:
            return skipped.ids(connection)

    def skipped_rows(self) -> list[SkippedRow]:
        """Return the customers that are left out on purpose, since when and why, the first one first."""
        with self._database.reading() as connection:
            return skipped.rows(connection)

    def skip(self, customer_id: str, *, why: str | None = None) -> None:
        """Leave a customer out of every pass from now on, and count it as excluded at once."""
        with self._database.writing() as connection:
            skipped.skip(connection, customer_id, why=why, now=datetime.now(UTC))

    def unskip(self, customer_id: str) -> bool:
        """Leave a customer out no longer; return whether it was left out."""
        with self._database.writing() as connection:
            return skipped.unskip(connection, customer_id)

    def forget(self, customer_ids: Collection[str]) -> None:
        """Drop the outcomes of customers that Polar no longer has, and note that it does not have them.

        The history of what was written stays for as long as `expire_deleted` lets it.
        """
        if not customer_ids:
            return
        with self._database.writing() as connection:
            deleted.note(connection, customer_ids, now=datetime.now(UTC))
            outcomes.forget(connection, customer_ids)

    def deleted_since(self, customer_id: str) -> datetime | None:
        """Return when a pass noticed that Polar no longer has a customer; None where none did."""
        with self._database.reading() as connection:
            return deleted.noticed_at(connection, customer_id)

    def erase(self, customer_id: str) -> int:
        """Erase one person: outcome, history, writes under way and snapshots, out of a SQLite file to its last byte.

        As long as Polar has the customer, a later pass puts it on record again, unless it is left out on purpose: then
        its id alone is on record. Backups keep what they have, and Postgres frees the space at its next vacuum.

        Returns:
            How many rows were deleted.

        Raises:
            LedgerError: also where the rows are deleted, but another program keeps their bytes in SQLite's -wal file.
        """
        with self._database.writing() as connection:
            erased = erasure.erase(connection, customer_id)
        self._database.overwrite_free_space()
        return erased

    def expire_deleted(self, before: datetime, *, limit: int) -> list[str]:
        """Erase customers that were noted as deleted before a moment; return which.

        What is deleted from a SQLite file is overwritten at once (`engine`), so the file is not rewritten as a whole.

        Args:
            before: The moment.
            limit: At most so many, in one transaction.
        """
        with self._database.reading() as connection:
            due = deleted.before(connection, before, limit=limit)
        if due:
            with self._database.writing() as connection:
                erasure.erase_deleted(connection, due)
        return due

    def expire_changes(self, before: datetime) -> int:
        """Delete the oldest rows of the history of before a moment, as many as others need not wait for.

        Returns:
            How many; 0 when none is left.
        """
        with self._database.reading() as connection:
            rows = retention.old_changes(connection, before, limit=VALUES)
        if rows:
            with self._database.writing() as connection:
                retention.drop_changes(connection, rows)
        return len(rows)

    def expire_passes(self, before: datetime) -> int:
        """Delete passes that began before a moment, as `expire_changes`."""
        with self._database.reading() as connection:
            rows = retention.old_passes(connection, before, limit=VALUES)
        if rows:
            with self._database.writing() as connection:
                retention.drop_passes(connection, rows)
        return len(rows)

    def written_by(self, pass_id: str, *, limit: int) -> tuple[list[WrittenRow], int]:
        """Return what a pass has written, without a value, the newest first, and how many values it has written."""
        with self._database.reading() as connection:
            return written.newest(connection, pass_id, limit=limit)

    def reasons(self) -> list[ReasonCount]:
        """Return how many customers are not in Attio as they should be, by reason, the most frequent one first."""
        with self._database.reading() as connection:
            return reasons.by_reason(connection)

    def deleted_count(self) -> int:
        """Return how many customers Polar no longer has whose history is kept until its time is over."""
        with self._database.reading() as connection:
            return reasons.deleted(connection)

    def customers_of_address(self, address: str) -> list[str]:
        """Return the customers on record that were known by an address."""
        with self._database.reading() as connection:
            return finding.of_address(connection, address)

    def customers_of_record(self, record_id: str) -> list[str]:
        """Return the customers on record that a record of Attio belongs to."""
        with self._database.reading() as connection:
            return finding.of_record(connection, record_id)

    def same_person(self, customer_ids: Collection[str]) -> list[str]:
        """Return the customers on record, these among them, that share a record of Attio with one of these."""
        with self._database.reading() as connection:
            return finding.same_person(connection, customer_ids)

    def is_on_record(self, customer_id: str) -> bool:
        """Tell whether anything is on record of a customer."""
        with self._database.reading() as connection:
            return finding.is_on_record(connection, customer_id)
