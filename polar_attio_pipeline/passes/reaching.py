"""Both services as far as they can be reached: for commands that show what one of them says if the other is down."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.people import people_with
from polar_attio_pipeline.connections import attio_of, polar_of
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.connect import rules_of, to_attio
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.mapped import sources
from polar_attio_pipeline.sync.ports import StoppedError, UnavailableError
from polar_attio_pipeline.sync.services import Pace

FAILURES = (ApiError, ConfigurationError, UnavailableError, StoppedError)
"""What a service that cannot be asked raises."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be asked.

    Attributes:
        ledger: What is on record.
        polar: None where there is no token for it.
        attio: None where it cannot be reached, or is not as the sync needs it.
        problems: Why a service is missing, in sentences.
        context: For what a pass would do, where both services are there.
    """

    ledger: Ledger
    polar: PolarClient | None
    attio: AttioClient | None
    problems: tuple[str, ...] = ()
    context: PassContext | None = None


@asynccontextmanager
async def reached(settings: Settings, *, reason: str, retry: RetryPolicy | None = None) -> AsyncIterator[Reach]:
    """Connect what can be connected, and yield it. Nothing of it writes.

    Args:
        settings: All of it comes from there.
        reason: What it is for, in words.
        retry: Bounds of the retries.
    """
    ledger = Ledger(settings.polar_attio_database_url.get_secret_value())
    problems: list[str] = []
    async with AsyncExitStack() as stack:
        polar = await _polar(settings, retry, stack, problems)
        attio = await _attio(settings, retry, stack, problems)
        yield Reach(ledger, polar, attio, tuple(problems), _context(settings, reason, ledger, polar, attio))


async def _polar(
    settings: Settings, retry: RetryPolicy | None, stack: AsyncExitStack, problems: list[str]
) -> PolarClient | None:
    if not settings.polar_access_token.get_secret_value().strip():
        problems.append("Polar was not asked: POLAR_ACCESS_TOKEN is not set.")
        return None
    try:
        api = await stack.enter_async_context(polar_of(settings, retry=retry))
    except FAILURES as error:
        problems.append(str(error))
        return None
    return PolarClient(api, organization_slug=settings.polar_organization_slug, sources=sources(settings.mapped()))


async def _attio(
    settings: Settings, retry: RetryPolicy | None, stack: AsyncExitStack, problems: list[str]
) -> AttioClient | None:
    if not settings.attio_api_key.get_secret_value().strip():
        problems.append("Attio was not asked: ATTIO_API_KEY is not set.")
        return None
    try:
        api = await stack.enter_async_context(attio_of(settings, retry=retry))
        return await to_attio(api, settings.slugs(), people=people_with(settings.attributes()))
    except FAILURES as error:
        problems.append(str(error))
        return None


def _context(
    settings: Settings, reason: str, ledger: Ledger, polar: PolarClient | None, attio: AttioClient | None
) -> PassContext | None:
    if polar is None or attio is None:
        return None
    return PassContext(
        pass_id="",
        reason=reason,
        polar=polar,
        attio=attio,
        ledger=ledger,
        rules=rules_of(settings),
        pace=Pace(writes=settings.attio_writes_per_second, questions=settings.polar_requests_per_minute / 60),
    )
