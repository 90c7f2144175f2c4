"""What a pass works with, from the settings: for whatever is not a Dagster run."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.people import PEOPLE, people_with
from polar_attio_pipeline.connections import attio_of, polar_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.ledger import PATIENCE
from polar_attio_pipeline.passes.companies import CompanyRules
from polar_attio_pipeline.passes.progress import Report, Stage
from polar_attio_pipeline.passes.reporter import reporting
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.mapped import sources
from polar_attio_pipeline.sync.services import Pace


@asynccontextmanager
async def connected(
    settings: Settings,
    *,
    reason: str,
    retry: RetryPolicy | None = None,
    attio_transport: httpx.AsyncBaseTransport | None = None,
    report: Report | None = None,
) -> AsyncIterator[PassContext]:
    """Connect both services and yield what a pass works with.

    Args:
        settings: All of it comes from there.
        reason: Why the pass is started, in words.
        retry: Bounds of the retries; the usual ones unless given.
        attio_transport: To Attio, instead of the network.
        report: Takes what the connecting and the pass report.

    Raises:
        ConfigurationError: the workspace is not as the sync needs it.
        ApiError: a service could not be asked.
    """
    attio_connection = attio_of(settings, retry=retry, transport=attio_transport)
    async with polar_of(settings, retry=retry) as polar, attio_connection as attio:
        yield PassContext(
            pass_id=uuid.uuid4().hex,
            reason=reason,
            polar=PolarClient(
                polar, organization_slug=settings.polar_organization_slug, sources=sources(settings.mapped())
            ),
            attio=await to_attio(attio, settings.slugs(), report, people=people_with(settings.attributes())),
            ledger=ledger_of(settings),
            rules=rules_of(settings),
            pace=Pace(writes=settings.attio_writes_per_second, questions=settings.polar_requests_per_minute / 60),
            report=report,
        )


def ledger_of(settings: Settings, *, patience: float = PATIENCE) -> Ledger:
    """Return the ledger.

    Args:
        settings: Say where it is.
        patience: Seconds to wait for other writers.
    """
    return Ledger(settings.polar_attio_database_url.get_secret_value(), patience=patience)


async def to_attio(
    api: ApiClient, slugs: Mapping[str, str], report: Report | None = None, *, people: AttioObject = PEOPLE
) -> AttioClient:
    """Look at the workspace, and return a client for it.

    Args:
        api: The connection to Attio.
        slugs: The workspace's slug for each attribute key.
        report: Takes what is waited for.
        people: People with the attributes that may be written.

    Raises:
        ConfigurationError: the workspace is not as the sync needs it.
        ApiError: Attio could not be asked.
    """
    async with reporting(report, [api]) as reporter:
        reporter.enter(Stage.CONNECTING)
        return await AttioClient.connect(api, slugs, people)


def company_rules_of(settings: Settings) -> CompanyRules:
    """Return what a pass over companies has to know beside."""
    return CompanyRules(slugs=settings.company_slugs(), deny=settings.company_deny())


def rules_of(settings: Settings) -> Rules:
    """Return what a pass may do."""
    return Rules(
        overwrite_typed=settings.polar_attio_overwrite_typed,
        audience=settings.polar_attio_who,
        snapshot_age=timedelta(minutes=settings.polar_attio_snapshot_minutes),
        unmark_orphaned=settings.polar_attio_unmark_orphaned,
        unmark_max_share=settings.polar_attio_unmark_max_share,
        shrink_max_share=settings.polar_attio_shrink_max_share,
        change_max_share=settings.polar_attio_change_max_share,
        change_min_people=settings.polar_attio_change_min_people,
        history_days=settings.polar_attio_history_days,
        forget_deleted_days=settings.polar_attio_forget_deleted_days,
    )
