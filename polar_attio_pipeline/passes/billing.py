"""What customers pay, read for a pass as far as the workspace's attributes need it and the token may read it.

It does not end a pass: what cannot be read stays as it is in Attio, and that is reported.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.passes.audience import NEEDED
from polar_attio_pipeline.passes.progress import BillingRead, Event
from polar_attio_pipeline.polar.billing import OF_ORDERS, OF_SUBSCRIPTIONS, Kind
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import MissingScopeError, is_hopeless
from polar_attio_pipeline.polar.holdings import Holdings
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.billing import Billing, Order, Subscription, billing
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.planning import STATUS_KEY
from polar_attio_pipeline.sync.records import Customer

_log = logging.getLogger(__name__)

COMMITTED_LATE = timedelta(minutes=5)
"""A customer who was created so shortly before a scan may have become visible, and subscribed, after it."""

_NAMED = 10

_Held = Mapping[str, Holdings[Any] | None]
"""What was read, by scope; None for a list that cannot be read in this pass."""


def _drop(event: Event) -> None:
    """Report nothing."""


class BillingReader:
    """Adds to the customers of one pass what they pay."""

    def __init__(
        self,
        polar: PolarClient,
        targets: Iterable[Target],
        *,
        audience: Audience,
        note: Callable[[str], None],
        report: Callable[[Event], None] = _drop,
    ) -> None:
        """Prepare to read; nothing is asked yet.

        Args:
            polar: The billing side, connected.
            targets: The attributes of the workspace: they decide what is read.
            audience: So does who is written.
            note: Takes, in a sentence, why billing is incomplete. A missing scope is no such reason.
            report: Takes what a scan has read.
        """
        attributes = [target.attribute for target in targets]
        scopes = {attribute.scope for attribute in attributes} | NEEDED[audience]
        if any(attribute.key == STATUS_KEY for attribute in attributes):
            # Whether somebody without a subscription ever paid: only orders tell.
            scopes |= {OF_ORDERS.scope}
        self._polar = polar
        self._kinds: list[Kind[Any]] = [kind for kind in (OF_SUBSCRIPTIONS, OF_ORDERS) if kind.scope in scopes]
        self._failed: set[str] = set()
        self._note = note
        self._report = report
        self._without_any: dict[tuple[bool, bool], Billing] = {}

    async def ask_for_scopes(self) -> None:
        """Find out what the token may read, by one small question for each list, and so what Polar's clock says.

        Raises:
            ApiError: Polar does not accept the token.
        """
        for kind in self._due():
            try:
                await self._polar.billing.may_read(kind)
            except ApiError as error:
                self._fails(kind, error)

    async def of(self, customers: Iterable[Customer]) -> list[Customer]:
        """Return some customers with what they pay; a request reads several of them.

        Raises:
            ApiError: Polar does not accept the token.
        """
        given = list(customers)
        held = await self._held([one.id for one in given], {})
        # By the answers: a pass that was given its customers may not have asked Polar for anything before.
        now = self._now()
        return [self._with(customer, held, now) for customer in given]

    async def all(self, portions: AsyncIterator[Sequence[Customer]]) -> AsyncIterator[Sequence[Customer]]:
        """Yield all customers as they come, with what they pay, after one scan of each list.

        Customers who came since the scan began are read by themselves: the scan may lack what they have. So are all
        customers, several in a request, where a list cannot be scanned although Polar answers: a row that it cannot
        serialise, or very many that begin at one instant, which Polar orders anew for each page.

        Raises:
            ApiError: Polar does not accept the token.
        """
        now = self._now()
        scanned = {kind.scope: holdings for kind in self._due() if (holdings := await self._scan(kind))}
        async for portion in portions:
            later = {one.id: one for one in await self.of(_since(now - COMMITTED_LATE, portion))}
            others = [customer for customer in portion if customer.id not in later]
            held = await self._held([one.id for one in others], scanned)
            yield [*later.values(), *(self._with(customer, held, now) for customer in others)]

    async def each(self, portions: AsyncIterator[Sequence[Customer]]) -> AsyncIterator[Sequence[Customer]]:
        """Yield customers as they come, with what they pay, each portion read by itself.

        Raises:
            ApiError: Polar does not accept the token.
        """
        async for portion in portions:
            yield await self.of(portion)

    def _is_on(self, kind: Kind[Any]) -> bool:
        return kind in self._kinds and kind.scope not in self._polar.billing.missing

    def _due(self) -> list[Kind[Any]]:
        """Return the lists that are needed and can be read, as far as is known."""
        return [kind for kind in self._kinds if self._is_on(kind) and kind.scope not in self._failed]

    def _now(self) -> datetime:
        """Return the time by Polar's clock."""
        return datetime.now(UTC) + timedelta(seconds=self._polar.api.server_offset or 0)

    async def _held(self, customer_ids: Sequence[str], scanned: _Held) -> _Held:
        """Return what was scanned, and what these customers have of the lists that could not be scanned."""
        rest = [kind for kind in self._due() if kind.scope not in scanned and customer_ids]
        return {**scanned, **{kind.scope: await self._some(kind, customer_ids) for kind in rest}}

    async def _some(self, kind: Kind[Any], customer_ids: Sequence[str]) -> Holdings[Any] | None:
        try:
            found = await self._polar.billing.of(kind, customer_ids)
        except MissingScopeError:
            return None
        except ApiError as error:
            self._fails(kind, error)
            return None
        self._name_unreadable(found)
        return found

    async def _scan(self, kind: Kind[Any]) -> Holdings[Any] | None:
        """Return a whole list by customer; None where it cannot be scanned."""
        found = kind.holdings()
        try:
            async for entries in self._polar.billing.all(kind):
                found.add(entries)
        except MissingScopeError:
            return None
        except ApiError as error:
            if is_hopeless(error) or not await self._polar.billing.is_well(kind):
                self._fails(kind, error)
            else:
                _log.info("%s The %s of all customers are read in portions instead.", error, kind.what)
            return None
        self._report(BillingRead(kind.what, found.count, len(found.by_customer)))
        self._name_unreadable(found)
        return found

    def _fails(self, kind: Kind[Any], error: ApiError) -> None:
        if is_hopeless(error):
            raise error
        self._failed.add(kind.scope)
        sentence = f"Polar's {kind.what} could not be read, so what follows from them stays as it is in Attio: {error}"
        _log.warning("%s", sentence)
        self._note(sentence)

    def _name_unreadable(self, found: Holdings[Any]) -> None:
        if not found.problems:
            return
        named = "; ".join(f"{one}: {problem}" for one, problem in list(found.problems.items())[:_NAMED])
        more = f"; and {len(found.problems) - _NAMED:,} more" if len(found.problems) > _NAMED else ""
        sentence = (
            f"Polar's {found.what} of {len(found.problems):,} customers cannot be read, so what follows from them "
            f"stays as it is in Attio ({named}{more})."
        )
        _log.warning("%s", sentence)
        self._note(sentence)

    def _with(self, customer: Customer, held: _Held, now: datetime) -> Customer:
        """Return a customer with what it pays, as far as that was read."""
        subscriptions = self._of(OF_SUBSCRIPTIONS, customer, held)
        orders = self._of(OF_ORDERS, customer, held)
        if subscriptions is None and orders is None:
            return customer
        found = self._billing(subscriptions, orders, now)
        # Where orders could not be read this time, a later pass might say otherwise.
        is_open = subscriptions is not None and orders is None and self._is_on(OF_ORDERS)
        return replace(customer, billing=found.without_orders() if is_open else found)

    def _of(self, kind: Kind[Any], customer: Customer, held: _Held) -> tuple[Any, ...] | None:
        """Return what a customer has of a list; None where that was not read."""
        read = held.get(kind.scope) if self._is_on(kind) else None
        return read.of(customer.id) if read else None

    def _billing(
        self, subscriptions: tuple[Subscription, ...] | None, orders: tuple[Order, ...] | None, now: datetime
    ) -> Billing:
        if subscriptions or orders:
            return billing(subscriptions, orders, now=now)
        # Most customers have nothing, and all of them the same.
        read = subscriptions is not None, orders is not None
        if read not in self._without_any:
            self._without_any[read] = billing(subscriptions, orders, now=now)
        return self._without_any[read]


def _since(moment: datetime, customers: Iterable[Customer]) -> list[Customer]:
    return [customer for customer in customers if customer.created_at > moment]
