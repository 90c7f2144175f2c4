"""Transactions on the ledger's database, its tables in place."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

import sqlalchemy as sa

from polar_attio_pipeline.ledger.engine import WRITES, create_engine, empty_engine, exists, prepare, vacuum
from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.explain import explaining, is_locked
from polar_attio_pipeline.ledger.location import Location
from polar_attio_pipeline.ledger.postgres_errors import is_away
from polar_attio_pipeline.ledger.schema import HEAD, METADATA, REVISIONS, foreign_tables, version


class Database:
    """Opens transactions. Writers queue, one at a time; readers see the last commit and do not wait.

    Args:
        place: Where it is.
        patience: How many seconds a transaction waits for others before it fails.
    """

    def __init__(self, place: Location, *, patience: float) -> None:
        self.place = place
        self._patience = patience
        self._was_there = False

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that reads.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes: all of it or, after an error, nothing.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    def try_out(self) -> bool:
        """Begin to write as a pass does, missing tables included, and roll everything back.

        Returns:
            Whether its tables are those of this version already.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        with explaining(self.place, patience=self._patience), self._begun(writes=True) as connection:
            current = self._is_current(connection)
            if not current:
                self._upgrade(connection)
            connection.rollback()
        return current

    def overwrite_free_space(self) -> None:
        """Rewrite a SQLite file without what was deleted from it; nothing is done on Postgres.

        Raises:
            LedgerError: the ledger cannot be used, or another program keeps SQLite's -wal file in use.
        """
        if self.place.file is None:
            return
        with explaining(self.place, patience=self._patience):
            left_over = vacuum(self._engine)
        if left_over:
            raise LedgerError(
                f"What was deleted is no longer in the ledger {self.place.name}, but another program has it open, and "
                f"until then {self.place.file.name}-wal keeps the deleted values: end that program's transaction, "
                "then run this again."
            )

    def close(self) -> None:
        """Dispose of the engine; the next transaction makes a new one."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self._engine

    @cached_property
    def _engine(self) -> sa.Engine:
        return create_engine(self.place, patience=self._patience)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        if not writes and self.place.file and not exists(self.place.file, name=self.place.name):
            # Nothing is on record, and reading makes no file: a preview leaves no trace.
            with empty_engine().begin() as connection:
                METADATA.create_all(connection)
                yield connection
            return
        with explaining(self.place, patience=self._patience), ExitStack() as stack:
            connection = stack.enter_context(self._begun(writes=writes))
            # Looked at each time: a newer version may have migrated it while this process was running.
            if not self._is_current(connection):
                stack.close()
                self._migrate()
                connection = stack.enter_context(self._begun(writes=writes))
            yield connection

    @contextmanager
    def _begun(self, *, writes: bool) -> Iterator[sa.Connection]:
        if self.place.file:
            prepare(self.place.file, name=self.place.name)
        connection, transaction = self._begin_patiently(writes=writes)
        with connection, transaction:
            yield connection

    def _begin_patiently(self, *, writes: bool) -> tuple[sa.Connection, sa.RootTransaction]:
        """Begin, again while others are in the way or Postgres is being restarted.

        SQLite waits for writers by itself, but not while a new file is set up.
        """
        give_up = time.monotonic() + self._patience
        while True:
            try:
                begun = self._begin(writes=writes)
            except Exception as error:
                if not self._may_pass(error):
                    raise
                if time.monotonic() >= give_up:
                    # What follows is not to wait as long again for a server that stays away.
                    self._was_there = False
                    raise
            else:
                self._was_there = True
                return begun
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  # no secret

    def _may_pass(self, error: Exception) -> bool:
        is_server = self.place.file is None
        return is_locked(error) or (is_server and is_away(error, was_there=self._was_there))

    def _begin(self, *, writes: bool) -> tuple[sa.Connection, sa.RootTransaction]:
        connection = self._engine.connect().execution_options(**{WRITES: writes})
        try:
            return connection, connection.begin()
        except BaseException:
            connection.close()
            raise

    def _is_current(self, connection: sa.Connection) -> bool:
        found = version(connection)
        foreign = [] if found else foreign_tables(connection)
        # Asked again on Postgres' newest state: another process may have migrated between the two questions.
        if foreign and (found := version(connection)) is None:
            raise LedgerError(
                f"The ledger {self.place.name} is the database of another program, with a table {foreign[0]} of its "
                "own: name another file or database in POLAR_ATTIO_DATABASE_URL, or another schema of the same one "
                "(?options=-csearch_path%3Dname)."
            )
        if found is not None and found not in REVISIONS:
            raise LedgerError(
                f"The ledger {self.place.name} was written by a newer version of polar-attio-pipeline (its schema is "
                f"{found}, this version knows {HEAD}): update this installation."
            )
        return found == HEAD

    def _migrate(self) -> None:
        with self._begun(writes=True) as connection:
            # Another process may have been first.
            if not self._is_current(connection):
                self._upgrade(connection)

    @staticmethod
    def _upgrade(connection: sa.Connection) -> None:
        # Imported here because it takes a fifth of a second and is needed once in the life of a ledger.
        from polar_attio_pipeline.ledger.migrations.upgrade import upgrade  # noqa: PLC0415

        upgrade(connection)
