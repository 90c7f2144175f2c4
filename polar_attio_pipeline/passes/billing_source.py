"""Subscriptions and orders, read for a pass as far as it needs them and the token may read them.

A list that cannot be read does not end a pass: it is noted, and not asked for again in this pass.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.passes.progress import BillingRead, Event
from polar_attio_pipeline.polar.billing import OF_ORDERS, OF_SUBSCRIPTIONS, Kind
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import MissingScopeError, is_hopeless
from polar_attio_pipeline.polar.holdings import Holdings
from polar_attio_pipeline.sync.purchases import Subscription

_log = logging.getLogger(__name__)

_NAMED = 10

Held = Mapping[str, Holdings[Any] | None]
"""What was read, by scope; None for a list that cannot be read in this pass."""


@dataclass(frozen=True, slots=True)
class Scan:
    """All subscriptions, read before the pass.

    Attributes:
        holdings: By customer.
        began_at: When the reading began, by Polar's clock.
    """

    holdings: Holdings[Subscription]
    began_at: datetime


class BillingSource:
    """Reads both lists for one pass.

    Args:
        polar: The billing side, connected.
        scopes: What the pass needs.
        note: Takes, in a sentence, what could not be read. A missing scope is no such thing.
        report: Takes what a scan has read.
        scan: All subscriptions, where they were read already.
    """

    def __init__(
        self,
        polar: PolarClient,
        scopes: Collection[str],
        *,
        note: Callable[[str], None],
        report: Callable[[Event], None],
        scan: Scan | None,
    ) -> None:
        self._polar = polar
        self._kinds: list[Kind[Any]] = [kind for kind in (OF_SUBSCRIPTIONS, OF_ORDERS) if kind.scope in scopes]
        self._failed: set[str] = set()
        self._note = note
        self._report = report
        self._scan_before = scan

    def is_on(self, kind: Kind[Any]) -> bool:
        """Tell whether a list is needed and the token may read it, as far as is known."""
        return kind in self._kinds and kind.scope not in self._polar.billing.missing

    def now(self) -> datetime:
        """Return the time by Polar's clock."""
        return datetime.now(UTC) + self._offset()

    async def scanned(self) -> tuple[Held, datetime]:
        """Return the lists that can be scanned, and when the first reading began.

        Raises:
            ApiError: Polar does not accept the token.
        """
        here, before = datetime.now(UTC), self._scan_before
        scanned: dict[str, Holdings[Any]] = {}
        for kind in self._due():
            if kind is OF_SUBSCRIPTIONS and before:
                scanned[kind.scope] = before.holdings
                self._name_unreadable(before.holdings)
            elif found := await self._scan(kind):
                scanned[kind.scope] = found
        # By the answers: Polar's clock is not known before the first one.
        began_at = here + self._offset()
        return scanned, min(began_at, before.began_at) if before else began_at

    async def held(self, customer_ids: Sequence[str], scanned: Held) -> Held:
        """Return what was scanned, and what these customers have of the lists that could not be scanned.

        Raises:
            ApiError: Polar does not accept the token.
        """
        rest = [kind for kind in self._due() if kind.scope not in scanned and customer_ids]
        return {**scanned, **{kind.scope: await self._some(kind, customer_ids) for kind in rest}}

    def _offset(self) -> timedelta:
        """Return how far Polar's clock is ahead of ours, as far as is known."""
        return timedelta(seconds=self._polar.api.server_offset or 0)

    def _due(self) -> Iterable[Kind[Any]]:
        """Return the lists that are needed and can be read, as far as is known."""
        return [kind for kind in self._kinds if self.is_on(kind) and kind.scope not in self._failed]

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
        try:
            found = await self._polar.billing.scan(kind)
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
        self._say(f"Polar's {kind.what} could not be read, so what follows from them stays as it is in Attio: {error}")

    def _name_unreadable(self, found: Holdings[Any]) -> None:
        if not found.problems:
            return
        named = "; ".join(f"{one}: {problem}" for one, problem in list(found.problems.items())[:_NAMED])
        more = f"; and {len(found.problems) - _NAMED:,} more" if len(found.problems) > _NAMED else ""
        self._say(
            f"Polar's {found.what} of {len(found.problems):,} customers cannot be read, so what follows from them "
            f"stays as it is in Attio ({named}{more})."
        )

    def _say(self, sentence: str) -> None:
        _log.warning("%s", sentence)
        self._note(sentence)
