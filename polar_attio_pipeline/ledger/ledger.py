"""The ledger as everything else uses it: each call is a short transaction of its own."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from polar_attio_pipeline.ledger import (
    changes,
    deleted,
    intents,
    lease,
    notes,
    outcomes,
    queries,
    snapshots,
    subscriptions,
)
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.history import HistoryOnRecord
from polar_attio_pipeline.ledger.intents import Settled
from polar_attio_pipeline.ledger.lease import Holder
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.outcomes import OutcomeRow
from polar_attio_pipeline.ledger.passes import PassQueries
from polar_attio_pipeline.ledger.people import PeopleOnRecord
from polar_attio_pipeline.ledger.recorder import Recorder
from polar_attio_pipeline.ledger.snapshots import Snapshot
from polar_attio_pipeline.ledger.subscriptions import SubscriptionSnapshot
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

PATIENCE = 10.0
"""Seconds to wait for other writers, each of which is done in a fraction of one."""

_PAGE = 10_000
"""Ids looked through at once."""


class Ledger(HistoryOnRecord, PassQueries, PeopleOnRecord):
    """The newest outcome of every customer, the history, the passes, the lease and the snapshots.

    Every method may raise `LedgerError`, which says in one sentence why the ledger cannot be used.

    Args:
        url: A path, or the URL of a SQLite file or a Postgres database. Nothing is opened before the first call.
        patience: How many seconds a call waits for other writers.
    """

    def __init__(self, url: str | Path, *, patience: float = PATIENCE) -> None:
        self._database = Database(locate(url), patience=patience)

    @property
    def name(self) -> str:
        """The file, or the server and its database; no password."""
        return self._database.place.name

    def close(self) -> None:
        """Dispose of the engine; a later call makes a new one."""
        self._database.close()

    def record(
        self,
        customers: Sequence[Outcome],
        *,
        pass_id: str,
        settled: Sequence[Settled] = (),
    ) -> None:
        """Store those outcomes that differ from what is on record of the same customers, and what was written.

        An unchanged customer that is on record as created, updated or unchanged is no difference. A failure that
        repeats itself moves `tried_at` only. If nothing differs, nothing is written and no writer waits.

        Args:
            customers: The outcomes.
            pass_id: The pass that they are of.
            settled: What became of intended writes, stored in the same transaction.
        """
        if not (customers or settled):
            return
        if not settled:
            with self._database.reading() as connection:
                if not outcomes.compare(connection, customers):
                    return
        with self._database.writing() as connection:
            known = intents.settle(connection, settled)
            changes.store(connection, [(one.rows, one.later) for one in known])
            difference = outcomes.compare(connection, customers)
            outcomes.write(connection, difference, pass_id=pass_id, now=_now())
            # The outcomes of deleted customers are dropped: one that is alive again comes as a new one.
            deleted.alive(connection, (str(values["polar_customer_id"]) for values in difference.new))

    @contextmanager
    def recording(self, pass_id: str) -> Iterator[Recorder]:
        """Give a pass a recorder of outcomes and writes; what waits is stored when the pass ends, even by an error."""
        left = self.unsettled()
        recorder = Recorder(pass_id, self, left, self.written_since(intent for _, intent in left))
        try:
            yield recorder
        finally:
            recorder.save()

    def not_among(self, customer_ids: Collection[str]) -> list[str]:
        """Return the customers on record that are not among these; rows are looked through page by page."""
        known = customer_ids if isinstance(customer_ids, AbstractSet) else frozenset(customer_ids)
        found: list[str] = []
        last = None
        while page := self._page_of_ids(after=last):
            last = page[-1]
            found += [customer_id for customer_id in page if customer_id not in known]
        return found

    def _page_of_ids(self, *, after: str | None) -> list[str]:
        with self._database.reading() as connection:
            return outcomes.page_of_ids(connection, after=after, size=_PAGE)

    def unresolved(self, *, limit: int | None) -> list[OutcomeRow]:
        """Return rejected and ambiguous customers, the one that was not tried for longest first."""
        with self._database.reading() as connection:
            return queries.unresolved(connection, limit=limit)

    def lasting(self, reasons: Collection[Reason], *, since: datetime) -> list[OutcomeRow]:
        """Return the customers that have failed for one of these reasons since before a moment, the longest first."""
        with self._database.reading() as connection:
            return queries.lasting(connection, reasons, since=since)

    def to_retry(self, *, limit: int) -> list[str]:
        """Return the ids of unresolved customers that Polar can be asked for, the longest untried first.

        Customers that were left out on purpose, and are so no longer, are among them. Rows of which Polar showed no id
        are not: their hour has to be read again, or all customers.
        """
        with self._database.reading() as connection:
            return queries.to_retry(connection, limit=limit)

    def counts(self) -> dict[Result, int]:
        """Return how many customers have each outcome; every result has a number."""
        with self._database.reading() as connection:
            return queries.counts(connection)

    def of_customers(self, customer_ids: Collection[str]) -> dict[str, OutcomeRow]:
        """Return the newest outcome of those of some customers that have one, by Polar's id."""
        with self._database.reading() as connection:
            return queries.of_customers(connection, customer_ids)

    def recorded(self, customer_ids: Collection[str]) -> set[str]:
        """Return those of some customers that have an outcome."""
        with self._database.reading() as connection:
            return queries.recorded(connection, customer_ids)

    def recorded_between(self, start: datetime, end: datetime) -> list[str]:
        """Return the customers with an outcome that were created in Polar in [start, end), the oldest first."""
        with self._database.reading() as connection:
            return queries.recorded_between(connection, start, end)

    def record_ids(self, customer_ids: Collection[str]) -> dict[str, str]:
        """Return the Attio record of some customers, where exactly one is on record."""
        with self._database.reading() as connection:
            return queries.record_ids(connection, customer_ids)

    def refusals(self, customer_ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return the fingerprint of what Attio refused of some customers, and what was said about it."""
        with self._database.reading() as connection:
            return queries.refusals(connection, customer_ids)

    def fact(self, name: str) -> str | None:
        """Return a fact about the installation, None if it is not on record."""
        with self._database.reading() as connection:
            return notes.fact(connection, name)

    def set_fact(self, name: str, value: str) -> None:
        """Put a fact about the installation on record, in place of what was; nothing is written if it is there."""
        if self.fact(name) == value:
            return
        with self._database.writing() as connection:
            notes.set_fact(connection, name, value)

    def update_fact(self, name: str, change: Callable[[str | None], str]) -> str:
        """Put on record what a function makes of a fact, None if it is not on record, with no other writer between.

        Returns:
            What is on record now.
        """
        with self._database.writing() as connection:
            return notes.update_fact(connection, name, change)

    def confirm(self, name: str) -> None:
        """Note that a person has confirmed something; it counts once."""
        with self._database.writing() as connection:
            notes.confirm(connection, name, now=_now())

    def take_confirmation(self, name: str) -> bool:
        """Use a confirmation up; False if there is none."""
        with self._database.writing() as connection:
            return notes.take_confirmation(connection, name)

    def begin_pass(self, pass_id: str, *, kind: str, reason: str) -> None:
        """Note that a pass begins, and why."""
        with self._database.writing() as connection:
            notes.begin_pass(connection, pass_id, kind=kind, reason=reason, now=_now())

    def end_pass(self, pass_id: str, *, ended: str, counts: Mapping[str, int], requests: int) -> None:
        """Note how a pass ended: "finished", or the sentence of its error; and drop snapshots that are too old."""
        now = _now()
        with self._database.writing() as connection:
            notes.end_pass(connection, pass_id, notes.End(now, ended, counts, requests))
            snapshots.expire(connection, now=now)

    def lease_holder(self) -> Holder:
        """Return who holds the lease."""
        with self._database.reading() as connection:
            return lease.holder(connection)

    def acquire_lease(self, owner: str, activity: str, *, instead_of: Holder | None = None) -> int | None:
        """Acquire the lease; return the new fencing token, None if another owner has it.

        Args:
            owner: Names this process.
            activity: What it does, for people who wait.
            instead_of: A holder that died. It loses the lease only if the lease is still exactly as it was seen.
        """
        with self._database.writing() as connection:
            return lease.acquire(connection, owner, activity, instead_of=instead_of)

    def renew_lease(self, fencing_token: int) -> bool:
        """Show that the holder of a fencing token is alive; False if the lease is no longer its own."""
        with self._database.writing() as connection:
            return lease.renew(connection, fencing_token)

    def release_lease(self, fencing_token: int) -> None:
        """Let others have the lease, unless it is no longer the holder's own."""
        with self._database.writing() as connection:
            lease.release(connection, fencing_token)

    def save_snapshot(self, run_id: str, hours: Sequence[datetime], snapshot: Snapshot) -> None:
        """Keep what a run read of some hours, in place of what was kept of them."""
        with self._database.writing() as connection:
            snapshots.save(connection, run_id, hours, snapshot)

    def save_subscriptions(self, run_id: str, snapshot: SubscriptionSnapshot) -> None:
        """Keep all subscriptions as a run read them, in place of what was kept."""
        with self._database.writing() as connection:
            subscriptions.save(connection, run_id, snapshot)

    def load_subscriptions(self, run_id: str) -> SubscriptionSnapshot | None:
        """Return the subscriptions that this very run kept."""
        with self._database.reading() as connection:
            return subscriptions.load(connection, run_id)

    def load_snapshot(self, run_id: str, hours: Sequence[datetime]) -> Snapshot | None:
        """Return what this very run kept of some hours; None unless it kept all of them."""
        with self._database.reading() as connection:
            return snapshots.load(connection, run_id, hours)


def _now() -> datetime:
    return datetime.now(UTC)
