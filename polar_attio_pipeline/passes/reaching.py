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
from polar_attio_pipeline.passes.connect import ledger_of, rules_of, to_attio
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
        polar: None where there is no token for it, or one that cannot be one.
        attio: None where it cannot be reached, or is not as the sync needs it.
        polar_problem: Why Polar is missing, in a sentence.
        attio_problem: The same of Attio.
        context: For what a pass would do, where both services are there.
    """

    ledger: Ledger
    polar: PolarClient | None
    attio: AttioClient | None
    polar_problem: str | None = None
    attio_problem: str | None = None
    context: PassContext | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Why a service is missing, in sentences."""
        return tuple(filter(None, (self.polar_problem, self.attio_problem)))


@asynccontextmanager
async def reached(settings: Settings, *, reason: str, retry: RetryPolicy | None = None) -> AsyncIterator[Reach]:
    """Connect what can be connected, and yield it. Nothing of it writes.

    Args:
        settings: All of it comes from there.
        reason: What it is for, in words.
        retry: Bounds of the retries.
    """
    ledger = ledger_of(settings)
    async with AsyncExitStack() as stack:
        polar, polar_problem = await _polar(settings, retry, stack)
        attio, attio_problem = await _attio(settings, retry, stack)
        context = _context(settings, reason, ledger, polar, attio)
        yield Reach(ledger, polar, attio, polar_problem, attio_problem, context)


async def _polar(
    settings: Settings, retry: RetryPolicy | None, stack: AsyncExitStack
) -> tuple[PolarClient | None, str | None]:
    if not settings.polar_access_token.get_secret_value().strip():
        return None, "Polar was not asked: POLAR_ACCESS_TOKEN is not set."
    try:
        api = await stack.enter_async_context(polar_of(settings, retry=retry))
    except FAILURES as error:
        return None, str(error)
    slug, wanted = settings.polar_organization_slug, sources(settings.mapped())
    return PolarClient(api, organization_slug=slug, sources=wanted), None


async def _attio(
    settings: Settings, retry: RetryPolicy | None, stack: AsyncExitStack
) -> tuple[AttioClient | None, str | None]:
    if not settings.attio_api_key.get_secret_value().strip():
        return None, "Attio was not asked: ATTIO_API_KEY is not set."
    try:
        api = await stack.enter_async_context(attio_of(settings, retry=retry))
        return await to_attio(api, settings.slugs(), people=people_with(settings.attributes())), None
    except FAILURES as error:
        return None, str(error)


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
