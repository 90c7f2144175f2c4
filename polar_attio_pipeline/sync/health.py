"""Evidence, in one pass, about whether the services work: what fails for one customer, and what fails for everybody.

A failure is about one customer as long as its service answers other requests. A service that does not even answer a
simple request is down, and the pass ends. A kind of request that fails for very many customers in a row, while the
service answers others, is closed for the rest of the pass: the other kinds go on, and the pass says so at its end.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum

from polar_attio_pipeline.sync.ports import UnavailableError

TOLERATED = 50
"""Failures in a row of one kind of request, without a success between them, after which the kind is closed. More than
any accident of the data: bad records may stand side by side, and a good one behind them must not pay for them."""

TOLERATED_SEARCHES = 3
"""The same for searches: each is for many customers, and fails only where no single one of them is to blame."""

PROBED_EVERY = 10
"""Failures in a row of any kind, after which it is asked again whether the service answers at all."""


class Kind(StrEnum):
    """The kinds of requests that a pass makes for customers, in words for people."""

    OWNER = "questions about the owners of teams"
    EXISTENCE = "questions about single customers"
    SEARCH = "searches for people"
    CREATE = "creations of people"
    UPDATE = "updates of people"
    SEARCH_COMPANIES = "searches for companies"
    CREATE_COMPANIES = "creations of companies"
    UPDATE_COMPANIES = "updates of companies"
    LINK = "links of people to companies"

    @property
    def tolerated(self) -> int:
        """Failures in a row after which the kind is closed."""
        return TOLERATED_SEARCHES if self in _SEARCHES else TOLERATED


_SEARCHES = {Kind.SEARCH, Kind.SEARCH_COMPANIES}


class ServiceDownError(UnavailableError):
    """A service answers nothing: the pass ends, and what it has not reached is left as it is."""


class KindClosedError(UnavailableError):
    """One kind of request failed, and no single customer is to blame: the pass did all else, and the rest waits."""


class Health:
    """What a pass has seen of one service.

    Attributes:
        down: The error that ends the pass, once the service was found to answer nothing.
    """

    def __init__(self, is_answering: Callable[[], Awaitable[bool]]) -> None:
        self.down: ServiceDownError | None = None
        self._is_answering = is_answering
        self._in_a_row: Counter[Kind] = Counter()
        self._since_success = 0
        self._closed: dict[Kind, Exception] = {}
        self._failed_searches: dict[Kind, Exception] = {}

    def succeeded(self, kind: Kind) -> None:
        """Take in that a request was answered."""
        self._in_a_row[kind] = 0
        self._since_success = 0

    async def failed(self, kind: Kind, error: Exception) -> None:
        """Take in that a request failed for good; now and then, ask whether the service answers at all.

        Raises:
            ServiceDownError: it does not.
        """
        if self.down:
            raise self.down
        self._in_a_row[kind] += 1
        if kind in _SEARCHES:
            self._failed_searches[kind] = error
        if self._in_a_row[kind] > kind.tolerated:
            self._closed.setdefault(kind, error)
        ask = self._since_success % PROBED_EVERY == 0
        self._since_success += 1
        if ask:
            await self.insist(error)

    async def insist(self, error: Exception) -> None:
        """Insist that the service answers a simple request.

        Raises:
            ServiceDownError: it does not; in the words of the error that raised the doubt.
        """
        if not await self._is_answering():
            self.down = ServiceDownError(str(error))
            raise self.down

    def closed(self, kind: Kind) -> str | None:
        """Say why requests of this kind are not sent any more; None while they are."""
        error = self._closed.get(kind)
        return f"All {kind} fail at present, so this one was left out: {error}" if error else None

    def check(self) -> None:
        """Insist that every kind of request worked.

        Raises:
            KindClosedError: one did not, for many customers in a row, or a search for many customers at once; the text
                says which.
        """
        for kind, error in self._closed.items():
            raise KindClosedError(f"All {kind} fail at present; everything else was done. {error}")
        for kind, error in self._failed_searches.items():
            raise KindClosedError(f"Some {kind} failed, and what needs them waits. {error}")
