"""What can go wrong on the way, switched on by route, with a probability or a number of times."""

import asyncio
import email.utils
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal, Self

from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polar_attio_pipeline.sandbox import wire
from polar_attio_pipeline.sandbox.polar import errors as polar_errors
from polar_attio_pipeline.sandbox.polar.edge import send_too_many, with_headers
from polar_attio_pipeline.sandbox.traffic import FAULT, service_of

_SKEW = "sandbox.skew"
_ATTIO_TOO_MANY = {
    "status_code": 429,
    "type": "rate_limit_error",
    "code": "rate_limit_exceeded",
    "message": "Rate limit exceeded, please try again later",
}


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
    """500 from the service, or 502, 503, 504 as HTML from a gateway."""
    REVOKED = "revoked"
    """401, as for a revoked token (Polar only: a revoked token of Attio's is a matter of its world)."""


class Fault(BaseModel):
    """A fault, and whom it befalls.

    Attributes:
        service: None for both.
        method: An HTTP method, or `*`.
        path: A glob over the path.
        probability: Drawn anew for each request.
        times: How many requests it befalls before it is over; None for ever.
        skip: How many matching requests go unharmed first.
        seconds: Of latency, or of the whole of a slow body.
        jitter: Seconds at most that are added to a latency, drawn anew for each request.
        slices: Of a slow body.
        status: Of `STATUS`.
        retry_after: Form of the header on 429 and 503; None is what the service itself does: seconds for Polar, a date
            for Attio, absent on other statuses.
        retry_after_seconds: How far ahead it points.
        lost: What comes instead of a lost answer.
        skew_minutes: How far ahead the service's clock is.
    """

    kind: Kind
    service: Literal["polar", "attio"] | None = None
    method: str = "*"
    path: str = "*"
    probability: float = 1
    times: PositiveInt | None = None
    skip: NonNegativeInt = 0
    seconds: NonNegativeFloat = 1
    jitter: NonNegativeFloat = 0
    slices: PositiveInt = 10
    status: Literal[500, 502, 503, 504] = 503
    retry_after: Literal["seconds", "date", "absent"] | None = None
    retry_after_seconds: NonNegativeFloat = 1
    lost: Literal["reset", "503"] = "reset"
    skew_minutes: float = 7

    @model_validator(mode="after")
    def _polar_alone_revokes(self) -> Self:
        if self.kind is Kind.REVOKED and self.service != "polar":
            raise ValueError('a revoked token is a fault of service "polar" only; revoke Attio\'s in its world')
        return self

    def matches(self, service: str, method: str, path: str) -> bool:
        """Tell whether it can befall such a request."""
        return (
            self.service in (None, service)
            and self.method in ("*", method)
            and (self.path == "*" or fnmatchcase(path, self.path))
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

    def strike(self, service: str, method: str, path: str) -> list[Fault]:
        """Return the faults that befall this request, and count them."""
        struck = []
        for number, fault in self.active().items():
            if not fault.matches(service, method, path):
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


class FaultInjector:
    """ASGI middleware that lets the faults befall the requests of both services."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or not."""
        service = service_of(scope["path"]) if scope["type"] == "http" else None
        struck = self._faults.strike(service, scope["method"], scope["path"]) if service else []
        ending: Fault | None = None
        for fault in struck:
            scope[FAULT] = fault.kind.value
            if fault.kind is Kind.LATENCY:
                await asyncio.sleep(fault.seconds + self._faults.random.uniform(0, fault.jitter))
            elif fault.kind is Kind.CLOCK_SKEW:
                scope[_SKEW] = timedelta(minutes=fault.skew_minutes)
            elif ending is None:
                ending = fault
        if ending is None:
            await self._app(scope, receive, send)
        else:
            scope[FAULT] = ending.kind.value
            await self._end(ending, scope, receive, send)

    async def _end(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case Kind.RESET:
                await wire.reset(scope, receive)
            case Kind.HANG:
                await wire.hang(scope, receive)
            case Kind.CUT_BODY:
                answer = await wire.collect(self._app, scope, receive)
                await wire.send_half(answer, scope, receive, send)
            case Kind.SLOW_BODY:
                answer = await wire.collect(self._app, scope, receive)
                await wire.send_slowly(answer, send, slices=fault.slices, pause=fault.seconds / fault.slices)
            case Kind.LOST_ANSWER:
                await wire.collect(self._app, scope, receive)
                if fault.lost == "reset":
                    await wire.reset(scope, receive)
                else:
                    await _gateway(503)(scope, receive, send)
            case _:
                await self._answer(fault, scope, receive, send)

    async def _answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_of(scope["path"])
        if fault.kind is Kind.REVOKED:
            await polar_errors.invalid_token()(scope, receive, with_headers(send))
        elif fault.kind is Kind.STATUS:
            response = _gateway(fault.status)
            self._ask_to_wait(response, self._retry_after(fault, "absent"))
            await response(scope, receive, send)
        elif service == "polar":
            await send_too_many(send, self._retry_after(fault, "seconds"))
        else:
            response = JSONResponse(_ATTIO_TOO_MANY, 429)
            self._ask_to_wait(response, self._retry_after(fault, "date"))
            await response(scope, receive, send)

    def _retry_after(self, fault: Fault, usual: str) -> str | None:
        form = fault.retry_after or usual
        if form == "absent":
            return None
        if form == "seconds":
            return str(math.ceil(fault.retry_after_seconds))
        opens_at = self._faults.clock() + timedelta(seconds=fault.retry_after_seconds)
        return email.utils.format_datetime(_next_whole_second(opens_at), usegmt=True)

    def _ask_to_wait(self, response: Response, retry_after: str | None) -> None:
        if retry_after is not None:
            response.headers["retry-after"] = retry_after


class Dates:
    """ASGI middleware, the outermost: dates every answer by the sandbox's clock, or by one that is off."""

    def __init__(self, app: ASGIApp, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and date the answer."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                skew: timedelta = scope.get(_SKEW, timedelta(0))
                headers = MutableHeaders(raw=message["headers"])
                headers["date"] = email.utils.format_datetime(self._clock() + skew, usegmt=True)
                retry_after = headers.get("retry-after", "0")
                if skew and not retry_after.isdecimal():
                    shifted = email.utils.parsedate_to_datetime(retry_after) + skew
                    headers["retry-after"] = email.utils.format_datetime(shifted, usegmt=True)
            await send(message)

        await self._app(scope, receive, dated)


def _gateway(status: int) -> Response:
    if status == 500:
        return PlainTextResponse("Internal Server Error", 500)
    titles: dict[int, str] = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
    title = f"{status} {titles[status]}"
    return HTMLResponse(
        f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>", status
    )


def _next_whole_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def fault_json(number: int, fault: Fault) -> dict[str, Any]:
    """Return a fault as `/sandbox/faults` lists it."""
    return {"number": number, **fault.model_dump(mode="json")}
