"""Reads the bodies of answers that were begun."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import ApiError


async def text_of(
    response: httpx.Response, *, seconds: float, clock: Clock, failure: Callable[[Exception, httpx.Request], ApiError]
) -> AsyncIterator[str]:
    """Yield a body's text as it comes.

    Args:
        response: Begun, unread.
        seconds: How long the body may take to come, without the time that the reader takes.
        clock: Time.
        failure: Gives the error to raise for a body that breaks off or takes too long.

    Raises:
        LostAnswerError: the body is not whole.
    """
    chunks = response.aiter_text()
    left = seconds
    while True:
        began = clock.now()
        try:
            async with asyncio.timeout(left):
                chunk = await anext(chunks, None)
        except (httpx.HTTPError, TimeoutError) as cause:
            raise failure(cause, response.request) from cause
        if chunk is None:
            return
        left -= clock.now() - began
        yield chunk


async def read_and_close(response: httpx.Response) -> None:
    """Read a body that is short, such as that of a refusal."""
    try:
        await response.aread()
    finally:
        await response.aclose()
