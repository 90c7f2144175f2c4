"""What stands in for Polar, the ledger and Dagster's runs in the tests of single ticks."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import dagster as dg
import httpx
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from pydantic import SecretStr

from polar_attio_pipeline.defs.bounded import LEDGER_PATIENCE
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource
from polar_attio_pipeline.ledger import PATIENCE, Ledger
from polar_attio_pipeline_tests.conftest import evaluate
from polar_attio_pipeline_tests.polar.fakes import TOKEN


class Wire:
    """Answers requests to Polar as a test says, and keeps them."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.date: datetime | None = None
        self.status: int | None = None
        self.hangs = False

    async def __call__(self, asked: httpx.Request) -> httpx.Response:
        self.requests.append(asked)
        if self.hangs:
            await asyncio.sleep(60)
        if self.status:
            return httpx.Response(self.status)
        answer = self.answer(asked)
        if self.date:
            answer.headers["date"] = format_datetime(self.date, usegmt=True)
        return answer

    def resource(self) -> PolarResource:
        transport = httpx.MockTransport(self)

        class OverWire(PolarResource):
            def transport(self) -> httpx.AsyncBaseTransport:
                return transport

        return OverWire(access_token=SecretStr(TOKEN), api_url="https://api.polar.sh", requests_per_minute=1e6)


class GivenLedger(Ledger):
    """A ledger that has outcomes of some customers and some facts, and remembers of whom it was asked.

    Attributes:
        error: Raised instead, when it is asked of customers.
        before: Called before it answers that.
    """

    def __init__(self, *ids: str, error: Exception | None = None) -> None:
        super().__init__("nowhere.db")
        self.ids = {*ids}
        self.error = error
        self.before: Callable[[], object] = lambda: None
        self.asked: list[Collection[str]] = []
        self.facts: dict[str, str] = {}

    def recorded(self, customer_ids: Collection[str]) -> set[str]:
        self.asked.append(customer_ids)
        self.before()
        if self.error:
            raise self.error
        return self.ids & {*customer_ids}

    def fact(self, name: str) -> str | None:
        return self.facts.get(name)

    def set_fact(self, name: str, value: str) -> None:
        self.facts[name] = value

    def resource(self) -> LedgerResource:
        """The resource that opens it: a tick does not wait for writers as long as a pass."""
        ledger = self

        class Resource(LedgerResource):
            def open(self, *, patience: float = PATIENCE) -> Ledger:
                assert patience == LEDGER_PATIENCE
                return ledger

        return Resource(url=SecretStr("nowhere.db"), place="nowhere.db")


def put_run(
    dagster: dg.DagsterInstance,
    job: str,
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    asset: dg.AssetKey | None = None,
) -> dg.DagsterRun:
    """Put a run on record; of one asset only, as the UI starts it, if that is given."""
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"), job)
    return dagster.add_run(
        dg.DagsterRun(
            job_name=job,
            tags=dict(tags or {}),
            run_config=dict(config or {}),
            status=status,
            remote_job_origin=origin,
            asset_selection=frozenset({asset}) if asset else None,
        )
    )


def put_ended_run(
    dagster: dg.DagsterInstance,
    job: str,
    *,
    began: datetime,
    asset: dg.AssetKey | None = None,
    ends: dg.DagsterEventType = dg.DagsterEventType.RUN_SUCCESS,
) -> None:
    """Put a run on record that began then and has ended."""
    run = put_run(dagster, job, asset=asset, status=dg.DagsterRunStatus.STARTING)
    for kind in (dg.DagsterEventType.RUN_START, ends):
        event = dg.DagsterEvent(event_type_value=kind.value, job_name=job)
        dagster.report_dagster_event(event, run.run_id, timestamp=began.timestamp())


def evaluated(
    sensor: dg.SensorDefinition, dagster: dg.DagsterInstance, names: Names, ledger: GivenLedger, cursor: str | None
) -> dg.SensorResult | dg.SkipReason:
    """Tick once: what Polar answers is put in the place of the look by the test."""
    resources = {
        "polar": PolarResource(access_token=SecretStr(TOKEN), api_url="http://nowhere", requests_per_minute=1e6),
        "ledger": ledger.resource(),
    }
    given = {names.of(name): one for name, one in resources.items()}
    with dg.build_sensor_context(instance=dagster, cursor=cursor, resources=given) as context:
        return evaluate(sensor, context)


def why_nothing(result: dg.SensorResult | dg.SkipReason) -> str:
    """Return why a tick that keeps its cursor asks for nothing; empty where it asks for runs."""
    assert isinstance(result, dg.SensorResult)
    skip = result.skip_reason
    return (skip.skip_message if isinstance(skip, dg.SkipReason) else skip) or ""


def why_skipped(result: dg.SensorResult | dg.SkipReason) -> str:
    """Return why a tick could not find out what is new."""
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def config_of(request: dg.RunRequest, op: str) -> Mapping[str, Any]:
    """Return what a run that is asked for is told."""
    config: Any = request.run_config
    found: Mapping[str, Any] = config["ops"][op]["config"]
    return found
