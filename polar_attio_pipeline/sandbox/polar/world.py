"""The state behind Polar's API: an organization, its customers, its tokens; and other organizations."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Unpack
from uuid import UUID

from polar_attio_pipeline.sandbox.polar import said
from polar_attio_pipeline.sandbox.polar.billing import Billing
from polar_attio_pipeline.sandbox.polar.changes import CustomerFields, Pending, anonymized
from polar_attio_pipeline.sandbox.polar.claims import Claims
from polar_attio_pipeline.sandbox.polar.events import EventLog
from polar_attio_pipeline.sandbox.polar.rows import Customer, Member, Organization, Token
from polar_attio_pipeline.sandbox.polar.view import ReadView
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN, POLAR_TOKEN

_RESOURCES = ("customers", "events", "members", "orders", "organizations", "subscriptions")
ALL_SCOPES = frozenset({"metrics:read"}.union(f"{what}:{how}" for what in _RESOURCES for how in ("read", "write")))


class TakenError(Exception):
    """Another live customer holds this email (in any case) or this external id.

    Attributes:
        field: `email` or `external_id`.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class PolarWorld:
    """Everything that Polar knows about one organization. Safe to change from another thread than the server's.

    Args:
        clock: Returns aware datetimes.
        seed: Makes ids repeatable.
        slug: Of the organization; its name is made of it.
        token: Its first access token.

    Attributes:
        others: Other organizations of the same Polar, each with customers and tokens of its own.
        tokens: The organization's access tokens. What a request sees is decided by whose its token is.
        customers: Live, committed rows by id, as writers see them.
        deleted: Rows that were deleted, by id.
        events: What has happened; its `rules` say how late and how incomplete that is.
        billing: Makes subscriptions and orders, and what can happen to them.
        subscriptions: Those of all customers, deleted ones too.
        orders: Likewise.
        view: The rows as readers see them: behind by `replica_lag`.
        replica_lag: How much later readers see a commit.
        lock: Taken while customers change or are read.
    """

    def __init__(
        self, clock: Callable[[], datetime], *, seed: int = 1, slug: str = "sandbox", token: str = POLAR_TOKEN
    ) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.replica_lag = timedelta(0)
        self.tokens = {token: Token(ALL_SCOPES)}
        self.others: list[PolarWorld] = []
        self._random = Random(seed)
        founded = datetime(2025, 7, 1, tzinfo=clock().tzinfo)
        self.organization = Organization(self.new_id(), slug.capitalize(), slug, founded)
        self.customers: dict[str, Customer] = {}
        self.deleted: dict[str, Customer] = {}
        self.members: dict[str, list[Member]] = {}
        self.events = EventLog(clock, seed)
        self.billing = Billing(clock, self.lock, self.new_id, self.events)
        self.subscriptions = self.billing.subscriptions
        self.orders = self.billing.orders
        self.view = ReadView()
        self._pending = Pending()
        self._claims = Claims()

    def new_id(self) -> str:
        """Return a fresh random UUID, repeatable by the world's seed."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def add_organization(self, slug: str = "other", *, token: str = OTHER_POLAR_TOKEN) -> "PolarWorld":
        """Add another organization without customers, and return it; it may hold the same addresses as this one."""
        other = PolarWorld(self.clock, seed=self._random.getrandbits(64), slug=slug, token=token)
        self.others.append(other)
        return other

    def of_token(self, value: str) -> tuple["PolarWorld", Token] | None:
        """Return the organization of an access token that is active, and the token; None if there is none."""
        for world in (self, *self.others):
            token = world.tokens.get(value)
            if token is not None and token.active:
                return world, token
        return None

    def clear(self) -> None:
        """Forget all customers. Organization and tokens stay."""
        with self.lock:
            for store in (self.customers, self.deleted, self.members):
                store.clear()
            self._claims.clear()
            self.billing.clear()
            self.events.clear()
            self.view.clear()
            self._pending.clear()

    def add_customer(
        self, *, visible_in: timedelta | None = timedelta(0), **fields: Unpack[CustomerFields]
    ) -> Customer:
        """Create a customer; what is not given is random (id), now (created_at), or empty.

        Args:
            visible_in: How long after this the creating transaction commits; None: when `commit` is called.
                Until then nobody sees the row, and its email is taken.
            **fields: The fields of `Customer`.

        Raises:
            TakenError: email or external id belong to a live customer.
        """
        with self.lock:
            given: dict[str, Any] = {"created_at": self.clock(), "email": None, "name": None, **fields}
            row = Customer(id=given.pop("id", None) or self.new_id(), **given)
            self._claim(row)
            if visible_in == timedelta(0):
                self._commit(row)
            else:
                due = None if visible_in is None else self.clock() + visible_in
                self._pending.transactions[row.id] = (due, row)
            return row

    def commit(self, customer_id: str) -> Customer:
        """End the transaction that created this customer.

        Raises:
            KeyError: no such transaction is open.
        """
        with self.lock:
            _, row = self._pending.transactions.pop(customer_id)
            self._commit(row)
            return row

    def update_customer(self, customer_id: str, **changes: Unpack[CustomerFields]) -> Customer:
        """Change fields and `modified_at`; if nothing differs, nothing happens, as in Polar.

        Raises:
            KeyError: no such live customer.
            TakenError: the new email or external id belong to another live customer.
        """
        with self.lock:
            old = self.customers[customer_id]
            new = replace(old, **changes)
            if new == old:
                return old
            new = replace(new, modified_at=self.clock())
            self._claims.remove(old)
            try:
                self._claim(new)
            except TakenError:
                self._claims.add(old)
                raise
            self.customers[customer_id] = new
            self.events.enqueue("customer.updated", customer_id, lambda: said.of_update(old, new))
            self._publish(customer_id, new)
            return new

    def delete_customer(self, customer_id: str, *, anonymize: bool = False) -> Customer:
        """Delete softly: gone from every answer, email and external id free again, subscriptions cancelled.

        Raises:
            KeyError: no such live customer.
        """
        with self.lock:
            now = self.clock()
            row = self.customers.pop(customer_id)
            self._claims.remove(row)
            self.members.pop(customer_id, None)
            self.billing.cancel_all(customer_id, now)
            kept = {} if row.external_id is None else {"__external_id": row.external_id}
            gone = replace(
                row,
                external_id=None,
                metadata={**row.metadata, **kept},
                modified_at=now,
                deleted_at=now,
            )
            self.deleted[customer_id] = anonymized(gone) if anonymize else gone
            self.events.enqueue("customer.deleted", customer_id, lambda: said.of_customer(row))
            self._publish(customer_id, None)
            return self.deleted[customer_id]

    def break_customer(self, customer_id: str) -> Customer:
        """Make a row that Polar's own response model refuses, so that each page with it answers 500.

        Raises:
            KeyError: no such live customer.
        """
        return self.update_customer(customer_id, email=None, type="individual")

    def set_member_model(self, *, enabled: bool) -> None:
        """Say whether the organization has members; without them nobody has an owner to ask for."""
        self.organization = replace(self.organization, member_model=enabled)

    def by_email(self, email: str) -> Customer | None:
        """Return the live customer that holds the address, in any case."""
        return self.customers.get(self._claims.of_email(email) or "")

    def by_external_id(self, external_id: str) -> Customer | None:
        """Return the live customer of this external id."""
        return self.customers.get(self._claims.of_external_id(external_id) or "")

    def settle(self) -> None:
        """Commit and replicate what is due. Readers call it first."""
        with self.lock:
            now = self.clock()
            for row in self._pending.due_transactions(now):
                self._commit(row)
            for customer_id, change in self._pending.due_replications(now):
                self._apply(customer_id, change)

    def members_of(self, customer: Customer) -> Iterator[Member]:
        """Yield a customer's members. An individual is its own owner; a team's members are set one by one."""
        yield from self.members.get(customer.id, ())
        if customer.type == "individual" and customer.email is not None:
            member_id = UUID(bytes=sha256(customer.id.encode()).digest()[:16], version=4)
            yield Member(
                id=str(member_id),
                created_at=customer.created_at,
                customer_id=customer.id,
                email=customer.email,
                name=customer.name,
                external_id=customer.external_id,
            )

    def add_member(self, customer_id: str, *, email: str, **fields: Any) -> Member:
        """Add a member (an owner unless `role` says otherwise) to a live customer, of its age."""
        row = self.customers[customer_id]
        given = {"id": self.new_id(), "created_at": row.created_at, "name": row.name, **fields}
        member = Member(customer_id=customer_id, email=email, **given)
        self.members.setdefault(customer_id, []).append(member)
        return member

    def _claim(self, row: Customer) -> None:
        taken = self._claims.taken(row)
        if taken is not None:
            raise TakenError(taken)
        self._claims.add(row)

    def _commit(self, row: Customer) -> None:
        self.customers[row.id] = row
        self.events.enqueue("customer.created", row.id, lambda: said.of_customer(row), timestamp=row.created_at)
        self._publish(row.id, row)

    def _publish(self, customer_id: str, row: Customer | None) -> None:
        if self.replica_lag or self._pending.replications:
            self._pending.replicate(self.clock() + self.replica_lag, customer_id, row)
        else:
            self._apply(customer_id, row)

    def _apply(self, customer_id: str, row: Customer | None) -> None:
        if row is None:
            self.view.remove(customer_id)
        else:
            self.view.put(row)
