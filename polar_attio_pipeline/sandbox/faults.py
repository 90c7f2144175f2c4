"""What can go wrong on the way, switched on by route and content, with a probability or a number of times."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal, Self

from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

_LISTS = ("/", "/export")
"""How the paths end of Polar's lists and exports."""


class Kind(StrEnum):
    """What happens to a request."""

    LATENCY = "latency"
    """It is answered late; other faults may come on top."""
    CLOCK_SKEW = "clock_skew"
    """The service's clock is off, in `Date` and in a `Retry-After` that is a date; other faults may come on top."""
    RESET = "reset"
    """The connection is reset and the request not carried out."""
    HANG = "hang"
    """There is no answer, and the request is not carried out."""
    CUT_BODY = "cut_body"
    """It is carried out; half of the answer arrives."""
    SLOW_BODY = "slow_body"
    """It is carried out; the answer comes in slices."""
    LOST_ANSWER = "lost_answer"
    """It is carried out; the answer is lost."""
    TOO_MANY = "too_many"
    """429."""
    STATUS = "status"
    """500 from the service, or 502, 503, 504 as HTML from a gateway; it is not carried out."""
    REFUSE = "refuse"
    """400 to 422 with an error of the service's own; it is not carried out."""
    EMPTY_LIST = "empty_list"
    """A list, or the export of the customers, comes with nothing in it (Polar only)."""
    REVOKED = "revoked"
    """401, as for a revoked token (Polar only: a revoked token of Attio's is a matter of its world)."""


_USUAL: Mapping[str, Mapping[str, Any]] = {Kind.REFUSE: {"status": 403}, Kind.EMPTY_LIST: {"service": "polar"}}


class Fault(BaseModel):
    """A fault, and whom it befalls.

    Attributes:
        service: None for both.
        method: An HTTP method, or `*`.
        path: A glob over the path.
        contains: Text that the path, the query string (decoded) or the body has to contain, in any case: an address, a
            record's id. None for any request. The body is searched as it is sent, with JSON's own escapes.
        probability: Drawn anew for each request.
        times: How many requests it befalls before it is over; None for ever.
        skip: How many matching requests go unharmed first.
        seconds: Of latency, or of the whole of a slow body.
        jitter: Seconds at most that are added to a latency, drawn anew for each request.
        slices: Of a slow body.
        status: Of `STATUS`, 500 or more; of `REFUSE`, less (403 unless given).
        code: Of `REFUSE`: the error's code, such as `billing_error`; None for what the service says with that status.
        retry_after: Form of the header on 429 and 503; None is what the service itself does: seconds for Polar, a date
            for Attio, absent on other statuses.
        retry_after_seconds: How far ahead it points.
        lost: What comes instead of a lost answer.
        looks_whole: Of a cut body: it ends as a whole one does, and CSV at the end of a line, as where a proxy cuts it.
        skew_minutes: How far ahead the service's clock is.
    """

    kind: Kind
    service: Literal["polar", "attio"] | None = None
    method: str = "*"
    path: str = "*"
    contains: str | None = None
    probability: float = 1
    times: PositiveInt | None = None
    skip: NonNegativeInt = 0
    seconds: NonNegativeFloat = 1
    jitter: NonNegativeFloat = 0
    slices: PositiveInt = 10
    status: Literal[400, 403, 404, 409, 422, 500, 502, 503, 504] = 503
    code: str | None = None
    retry_after: Literal["seconds", "date", "absent"] | None = None
    retry_after_seconds: NonNegativeFloat = 1
    lost: Literal["reset", "503"] = "reset"
    looks_whole: bool = False
    skew_minutes: float = 7

    @model_validator(mode="before")
    @classmethod
    def _fill_in_for_the_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        usual = _USUAL.get(given.get("kind", ""), {})
        return {**usual, **given}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is Kind.REVOKED and self.service != "polar":
            raise ValueError('a revoked token is a fault of service "polar" only; revoke Attio\'s in its world')
        if self.kind is Kind.EMPTY_LIST and self.service != "polar":
            raise ValueError('an empty list is a fault of service "polar" only')
        if self.kind in (Kind.STATUS, Kind.REFUSE) and (self.status < 500) != (self.kind is Kind.REFUSE):
            raise ValueError(f"a fault of kind {self.kind} has no status {self.status}")
        return self

    def matches(self, service: str, method: str, path: str, text: str = "") -> bool:
        """Tell whether it can befall such a request; `text` is all that `contains` is looked for in."""
        return (
            self.service in (None, service)
            and self.method in ("*", method)
            and (self.path == "*" or fnmatchcase(path, self.path))
            and (self.kind is not Kind.EMPTY_LIST or (method == "GET" and path.endswith(_LISTS)))
            and (self.contains is None or self.contains.casefold() in text.casefold())
        )


class Faults:
    """The faults that are switched on.

    Args:
        clock: Returns aware datetimes.
        seed: Of the draws.
    """

    def __init__(self, clock: Callable[[], datetime], *, seed: int = 1) -> None:
        self.clock = clock
        self.random = Random(seed)
        self._active: dict[int, Fault] = {}
        self._made = 0

    def add(self, fault: Fault) -> int:
        """Switch a fault on; return its number."""
        self._made += 1
        self._active[self._made] = fault.model_copy()
        return self._made

    def remove(self, number: int) -> None:
        """Switch it off, if it is on."""
        self._active.pop(number, None)

    def clear(self) -> None:
        """Switch all of them off."""
        self._active.clear()

    def active(self) -> dict[int, Fault]:
        """Return what is on, by number; `times` and `skip` say what is left."""
        return dict(self._active)

    @property
    def searches_content(self) -> bool:
        """Whether a fault asks what requests contain."""
        return any(fault.contains is not None for fault in self._active.values())

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        """Return the faults that befall this request, and count them.

        Args:
            service: `polar` or `attio`.
            method: Of the request.
            path: Of the request.
            text: Path, query string and body; needed where `searches_content` says so.
        """
        struck = []
        for number, fault in self.active().items():
            if not fault.matches(service, method, path, text):
                continue
            if fault.skip:
                fault.skip -= 1
            elif self.random.random() < fault.probability:
                struck.append(fault)
                self._count(number, fault)
        return struck

    def _count(self, number: int, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self.remove(number)


def fault_json(number: int, fault: Fault) -> dict[str, Any]:
    """Return a fault as `/sandbox/faults` lists it."""
    return {"number": number, **fault.model_dump(mode="json")}
