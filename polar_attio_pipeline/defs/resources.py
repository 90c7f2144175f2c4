"""Both services and the ledger as Dagster resources.

Secrets are dependencies of theirs rather than configuration: Dagster keeps the configuration of resources in snapshots,
shows it in the UI and hands it from process to process, and does none of that with the value of a dependency.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import dagster as dg
import httpx
from pydantic import Field, PrivateAttr, SecretStr

from polar_attio_pipeline import mapped_setting
from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.people import people_with
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import PATIENCE, Ledger, LedgerError
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.passes.connect import to_attio
from polar_attio_pipeline.passes.progress import Report
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.settings import POLAR_API_VERSION
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.services import Pace

Resource = TypeVar("Resource")


class PolarResource(dg.ConfigurableResource[PolarClient]):
    """The customers of one Polar organization."""

    access_token: dg.ResourceDependency[SecretStr]
    api_url: str = Field(description="https://api.polar.sh, or https://sandbox-api.polar.sh for Polar's sandbox.")
    api_version: str = Field(default=POLAR_API_VERSION, description="Sent with every request.")
    requests_per_minute: float = Field(description="Polar allows 500, over all that the organization does.")
    organization_slug: str = Field(
        default="", description="For links into Polar's dashboard; asked of Polar when empty and the token may."
    )

    sources: list[str] = Field(default=[], description="What is wanted of a customer for POLAR_ATTIO_ATTRIBUTES.")

    @asynccontextmanager
    async def client(self, *, retry: RetryPolicy | None = None) -> AsyncIterator[PolarClient]:
        """Yield a client with a connection pool and a pace of its own.

        Args:
            retry: Bounds of the retries, where the usual minutes are too long.
        """
        api = polar_api(
            token=self.access_token,
            base_url=self.api_url,
            api_version=self.api_version,
            requests_per_minute=self.requests_per_minute,
            retry=retry,
            transport=self.transport(),
        )
        async with api:
            yield PolarClient(api, organization_slug=self.organization_slug, sources=self.sources)

    def transport(self) -> httpx.AsyncBaseTransport | None:
        """Return what to use instead of the network, None for the network: a test's subclass may differ."""
        return None


class AttioResource(dg.ConfigurableResource[AttioClient]):
    """A connection to one Attio workspace."""

    api_key: dg.ResourceDependency[SecretStr]
    api_url: str = "https://api.attio.com"
    reads_per_second: float = Field(description="Attio allows 100, over all apps.")
    writes_per_second: float = Field(description="Attio allows 25, over all apps.")
    slugs: dict[str, str] = Field(description="The workspace's slug for each attribute key.")
    mapped: str = Field(default="", description="Further attributes, as POLAR_ATTIO_ATTRIBUTES declares them.")

    _transport: httpx.AsyncBaseTransport | None = PrivateAttr(default=None)

    @asynccontextmanager
    async def client(
        self, report: Report | None = None, *, retry: RetryPolicy | None = None
    ) -> AsyncIterator[AttioClient]:
        """Connect, look at the token and at the attributes, and yield a client that may write.

        Args:
            report: Takes what the client tells of itself.
            retry: Bounds of the retries, where the usual minutes are too long.

        Raises:
            ConfigurationError: something is wrong; the text lists everything at once.
            ApiError: Attio could not be asked.
        """
        api = attio_api(
            api_key=self.api_key,
            base_url=self.api_url,
            reads_per_second=self.reads_per_second,
            writes_per_second=self.writes_per_second,
            retry=retry,
            transport=self._transport,
        )
        async with api:
            yield await to_attio(api, self.slugs, report, people=self._people())

    def _people(self) -> AttioObject:
        # They were compared with the slugs of all others when the settings were read.
        mapped = mapped_setting.parse(self.mapped, taken={})
        return people_with((*ATTRIBUTES, *(one.attribute() for one in mapped)))

    def over(self, *, transport: httpx.AsyncBaseTransport) -> "AttioResource":
        """Return this resource over another transport than the network, for tests."""
        other = self.model_copy()
        other._transport = transport  # noqa: SLF001  # of its own class
        return other


class LedgerResource(dg.ConfigurableResource[Ledger]):
    """Gives assets the ledger."""

    url: dg.ResourceDependency[SecretStr]
    place: str = Field(description="The file, or the server and its database; no user, no password.")

    @classmethod
    def at(cls, url: SecretStr) -> Self:
        """Return the ledger at the path of a SQLite file, or at the URL of a Postgres database."""
        try:
            place = locate(url.get_secret_value()).name
        except LedgerError as error:
            # The definitions load all the same: each run fails with this sentence, and the UI shows it.
            place = str(error)
        return cls(url=url, place=place)

    def open(self, *, patience: float = PATIENCE) -> Ledger:
        """Return the ledger; each of its calls is a short transaction on a connection of its own.

        Args:
            patience: How many seconds a call waits for other writers.
        """
        return Ledger(self.url.get_secret_value(), patience=patience)


def given(resources: Any, key: str, kind: type[Resource]) -> Resource:
    """Return a resource of a run or of a tick, which has it by its key."""
    found = getattr(resources, key)
    assert isinstance(found, kind), f"the resource {key} is a {kind.__name__}"
    return found


PASS_KEYS = ("polar", "attio", "ledger", "options")
"""The resources that `pass_context` takes, before their prefix."""


@asynccontextmanager
async def pass_context(
    run: dg.DagsterRun, resources: Any, names: Names, report: Report | None = None
) -> AsyncIterator[PassContext]:
    """Connect both services and yield what a pass works with.

    Args:
        run: The run that the pass is part of.
        resources: Of its context.
        names: Of the instance of the pipeline.
        report: Takes what the connecting and the pass report.

    Raises:
        ConfigurationError: the workspace is not as the sync needs it.
        ApiError: a service could not be asked.
    """
    polar = given(resources, names.of("polar"), PolarResource)
    attio = given(resources, names.of("attio"), AttioResource)
    ledger = given(resources, names.of("ledger"), LedgerResource)
    options = given(resources, names.of("options"), PassOptions)
    async with polar.client() as polar_client, attio.client(report) as attio_client:
        yield PassContext(
            pass_id=run.run_id,
            reason=_reason(run),
            polar=polar_client,
            attio=attio_client,
            ledger=ledger.open(),
            rules=options.rules(),
            pace=Pace(writes=attio.writes_per_second, questions=polar.requests_per_minute / 60),
            report=report,
        )


def _reason(run: dg.DagsterRun) -> str:
    """Say why a run was started, by the tags that Dagster gives it."""
    for tag, reason in (
        ("dagster/schedule_name", "schedule {}"),
        ("dagster/sensor_name", "sensor {}"),
        ("dagster/backfill", "backfill {}"),
    ):
        if value := run.tags.get(tag):
            return reason.format(value)
    return f"job {run.job_name}, started by hand"
