"""What Polar says has happened: events, some of them late, in no order, or missing altogether."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from polar_attio_pipeline.sandbox.polar.ordering import Key, sort_key

_FIELDS: Mapping[str, Callable[["Event"], Any]] = {"timestamp": lambda row: row.timestamp}
_NO_WAIT = timedelta(0)

Source = Literal["system", "user"]
"""Who writes an event: Polar itself, or the seller by the API."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened to a customer.

    Attributes:
        metadata: What is said of it; a function, so that a large book's events stay small.
        has_row: Whether the database has it; if not, a page lacks it although the event is counted.
    """

    id: str
    timestamp: datetime
    name: str
    customer_id: str
    metadata: Callable[[], dict[str, Any]]
    source: Source = "system"
    has_row: bool = True


@dataclass
class EventRules:
    """How events come about. As they are, at once and all of them.

    Attributes:
        worker_delay: How long until the worker writes an event about a customer. Other events are written at once.
        store_delay: How much later than it was written an event can be read.
        jitter: Up to this much later still, drawn for each event, so that they come in no order.
        lost: The share of events that are never written, from 0 to 1.
        rowless: The share of events that are counted and never shown.
        is_down: Whether the store is missing, so that every question is answered 500.
    """

    worker_delay: timedelta = _NO_WAIT
    store_delay: timedelta = _NO_WAIT
    jitter: timedelta = _NO_WAIT
    lost: float = 0.0
    rowless: float = 0.0
    is_down: bool = False


class EventLog:
    """The events of one organization.

    Args:
        clock: Returns aware datetimes.
        seed: Of ids and draws, apart from those of the world, so that events change nothing else.

    Attributes:
        rules: How events come about, from now on.
    """

    def __init__(self, clock: Callable[[], datetime], seed: int) -> None:
        self.rules = EventRules()
        self._clock = clock
        self._random = Random(seed)
        self._events: list[Event] = []
        self._late: list[tuple[datetime, str, Event]] = []
        self._orders: dict[tuple[str, ...], tuple[list[Event], Callable[[Event], Key]]] = {}

    def record(
        self, name: str, customer_id: str, metadata: Callable[[], dict[str, Any]], *, timestamp: datetime
    ) -> None:
        """Write an event in the transaction of what has happened; the store knows it later."""
        self._write(name, customer_id, metadata, timestamp, self._clock())

    def enqueue(
        self,
        name: str,
        customer_id: str,
        metadata: Callable[[], dict[str, Any]],
        *,
        timestamp: datetime | None = None,
    ) -> None:
        """Have the worker write an event.

        Args:
            name: Such as `customer.updated`.
            customer_id: Whom it is about.
            metadata: What is said of it.
            timestamp: When it happened; None: the time at which the worker writes it (seen on Polar's server).
        """
        written_at = self._clock() + self.rules.worker_delay
        self._write(name, customer_id, metadata, timestamp or written_at, written_at)

    def _write(
        self,
        name: str,
        customer_id: str,
        metadata: Callable[[], dict[str, Any]],
        timestamp: datetime,
        written_at: datetime,
    ) -> None:
        rules, event_id = self.rules, self._new_id()
        if rules.lost and self._random.random() < rules.lost:
            return
        has_row = not (rules.rowless and self._random.random() < rules.rowless)
        event = Event(event_id, timestamp, name, customer_id, metadata, has_row=has_row)
        if rules.jitter or rules.store_delay or rules.worker_delay:
            visible_at = written_at + rules.store_delay + self._random.random() * rules.jitter
            heapq.heappush(self._late, (visible_at, event_id, event))
        else:
            self._events.append(event)
            self._orders.clear()

    def _new_id(self) -> str:
        """Return a UUID of version 4, by hand: a large book has hundreds of thousands of events."""
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def clear(self) -> None:
        """Forget every event, those that are on their way too."""
        self._events.clear()
        self._late.clear()
        self._orders.clear()

    def ordered(self, sorting: Sequence[str]) -> tuple[Sequence[Event], Callable[[Event], Key]]:
        """Return what the store knows by now in this order, and the key of the order. Not a copy: do not change it."""
        now = self._clock()
        while self._late and self._late[0][0] <= now:
            self._events.append(heapq.heappop(self._late)[2])
            self._orders.clear()
        wanted = tuple(sorting)
        if wanted not in self._orders:
            key = sort_key(wanted, _FIELDS)
            self._orders[wanted] = (sorted(self._events, key=key), key)
        return self._orders[wanted]
