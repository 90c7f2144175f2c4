"""The faults, at work: ASGI middleware over both services."""

import asyncio
import email.utils
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polar_attio_pipeline.sandbox import answers, wire
from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind
from polar_attio_pipeline.sandbox.polar import errors as polar_errors
from polar_attio_pipeline.sandbox.polar.edge import send_too_many, with_headers
from polar_attio_pipeline.sandbox.traffic import FAULT, service_of

_SKEW = "sandbox.skew"


class FaultInjector:
    """ASGI middleware that lets the faults befall the requests of both services."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or not."""
        service = service_of(scope["path"]) if scope["type"] == "http" else None
        if service is None:
            await self._app(scope, receive, send)
            return
        text = ""
        if self._faults.searches_content:
            body, receive = await wire.read_body(receive)
            text = wire.text_of(scope, body)
        ending: Fault | None = None
        for fault in self._faults.strike(service, scope["method"], scope["path"], text):
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
                if fault.looks_whole:
                    await wire.send_whole(wire.first_half(answer), send)
                else:
                    await wire.send_half(answer, scope, receive, send)
            case Kind.EMPTY_LIST:
                answer = await wire.collect(self._app, scope, receive)
                await wire.send_whole(answers.emptied(answer), send)
            case Kind.SLOW_BODY:
                answer = await wire.collect(self._app, scope, receive)
                await wire.send_slowly(answer, send, slices=fault.slices, pause=fault.seconds / fault.slices)
            case Kind.LOST_ANSWER:
                await wire.collect(self._app, scope, receive)
                if fault.lost == "reset":
                    await wire.reset(scope, receive)
                else:
                    await answers.gateway(503)(scope, receive, send)
            case _:
                await self._answer(fault, scope, receive, send)

    async def _answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_of(scope["path"])
        if fault.kind is Kind.REVOKED:
            await polar_errors.invalid_token()(scope, receive, with_headers(send))
        elif fault.kind is Kind.REFUSE and service == "polar":
            await answers.polar_refusal(fault, scope["path"])(scope, receive, with_headers(send))
        elif fault.kind is Kind.REFUSE:
            await answers.attio_refusal(fault)(scope, receive, send)
        elif fault.kind is Kind.STATUS:
            response = answers.gateway(fault.status)
            self._ask_to_wait(response, self._retry_after(fault, "absent"))
            await response(scope, receive, send)
        elif service == "polar":
            await send_too_many(send, self._retry_after(fault, "seconds"))
        else:
            response = answers.attio_too_many()
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


def _next_whole_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
