"""What both services are asked: whether they answer, and whether their clocks agree with this machine's."""

from collections.abc import Coroutine, Iterator
from typing import Any

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError

CLOCK_TOLERANCE_SECONDS = 60


async def answers(api: ApiClient, service: str, questions: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    """Return what came of asking a service, its clock included.

    Args:
        api: Its API, not opened yet.
        service: Its name.
        questions: What to ask it.
    """
    try:
        async with api:
            findings = await questions
    except ApiError as error:
        findings = [Finding(service, Level.FAIL, str(error))]
    finally:
        questions.close()
    return [*findings, *_clock(service, api.server_offset)]


def _clock(service: str, offset: float | None) -> Iterator[Finding]:
    if offset is None:
        return
    if abs(offset) <= CLOCK_TOLERANCE_SECONDS:
        yield Finding(f"{service} clock", Level.OK, "Agrees with this machine's.")
        return
    way = "behind" if offset > 0 else "ahead of"
    yield Finding(
        f"{service} clock",
        Level.WARN,
        f"This machine is {abs(offset):.0f} s {way} {service}: set its clock by NTP, or hours end at the wrong moment.",
    )
