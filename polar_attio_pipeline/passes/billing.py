"""What customers pay, for a pass: their subscriptions and orders, made into `Billing`.

It does not end a pass: what cannot be read stays as it is in Attio, and that is reported.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from polar_attio_pipeline.passes.audience import NEEDED
from polar_attio_pipeline.passes.billing_source import BillingSource, Held, Scan
from polar_attio_pipeline.passes.progress import Event
from polar_attio_pipeline.passes.read_ahead import ReadAhead
from polar_attio_pipeline.polar.billing import OF_ORDERS, OF_SUBSCRIPTIONS, Kind
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.billing import Billing, billing
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.planning import STATUS_KEY
from polar_attio_pipeline.sync.purchases import Order, Subscription
from polar_attio_pipeline.sync.records import Customer

COMMITTED_LATE = timedelta(minutes=5)
"""A customer who was created so shortly before a scan may have become visible, and subscribed, after it."""


def _drop(event: Event) -> None:
    """Report nothing."""


class BillingReader:
    """Adds to the customers of one pass what they pay."""

    def __init__(  # noqa: PLR0913  # keyword-only from the third on
        self,
        polar: PolarClient,
        targets: Iterable[Target],
        *,
        audience: Audience,
        note: Callable[[str], None],
        report: Callable[[Event], None] = _drop,
        scan: Scan | None = None,
    ) -> None:
        """Prepare to read; nothing is asked yet.

        Args:
            polar: The billing side, connected.
            targets: The attributes of the workspace: they decide what is read.
            audience: So does who is written.
            note: Takes, in a sentence, why billing is incomplete. A missing scope is no such reason.
            report: Takes what a scan has read.
            scan: All subscriptions, where the run that the pass is part of has read them a moment ago.
        """
        attributes = [target.attribute for target in targets]
        scopes = {attribute.scope for attribute in attributes} | NEEDED[audience]
        if any(attribute.key == STATUS_KEY for attribute in attributes):
            # Whether somebody without a subscription ever paid: only orders tell.
            scopes |= {OF_ORDERS.scope}
        self._source = BillingSource(polar, scopes, note=note, report=report, scan=scan)
        self._without_any: dict[tuple[bool, bool], Billing] = {}

    async def of(self, customers: Iterable[Customer]) -> list[Customer]:
        """Return some customers with what they pay; a request reads several of them.

        Raises:
            ApiError: Polar does not accept the token.
        """
        given = list(customers)
        held = await self._source.held([one.id for one in given], {})
        # By the answers: a pass that was given its customers may not have asked Polar for anything before.
        now = self._source.now()
        return [self._with(customer, held, now) for customer in given]

    async def all(self, portions: AsyncIterator[Sequence[Customer]]) -> AsyncIterator[Sequence[Customer]]:
        """Yield all customers with what they pay, read while each list is scanned once.

        Customers who came since the scan began are read by themselves: the scan may lack what they have. So are all
        customers, several in a request, where a list cannot be scanned although Polar answers: a row that it cannot
        serialise, or very many that begin at one instant, which Polar orders anew for each page.

        Raises:
            ApiError: Polar does not accept the token.
        """
        ahead = ReadAhead(portions)
        scanned, began_at = await ahead.during(self._source.scanned())
        now = self._source.now()
        async for portion in ahead.portions():
            later = {one.id: one for one in await self.of(_since(began_at - COMMITTED_LATE, portion))}
            others = [customer for customer in portion if customer.id not in later]
            held = await self._source.held([one.id for one in others], scanned)
            yield [*later.values(), *(self._with(customer, held, now) for customer in others)]

    async def each(self, portions: AsyncIterator[Sequence[Customer]]) -> AsyncIterator[Sequence[Customer]]:
        """Yield customers as they come, with what they pay, each portion read by itself.

        Raises:
            ApiError: Polar does not accept the token.
        """
        async for portion in portions:
            yield await self.of(portion)

    def _with(self, customer: Customer, held: Held, now: datetime) -> Customer:
        """Return a customer with what it pays, as far as that was read."""
        subscriptions = self._of(OF_SUBSCRIPTIONS, customer, held)
        orders = self._of(OF_ORDERS, customer, held)
        if subscriptions is None and orders is None:
            return customer
        found = self._billing(subscriptions, orders, now)
        # Where orders could not be read this time, a later pass might say otherwise.
        is_open = subscriptions is not None and orders is None and self._source.is_on(OF_ORDERS)
        return replace(customer, billing=found.without_orders() if is_open else found)

    def _of(self, kind: Kind[Any], customer: Customer, held: Held) -> tuple[Any, ...] | None:
        """Return what a customer has of a list; None where that was not read."""
        read = held.get(kind.scope) if self._source.is_on(kind) else None
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
