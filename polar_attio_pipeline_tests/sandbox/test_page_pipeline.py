"""What the page shows of a pipeline, and the pass that it starts. The pipeline here says what a test gives it."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.pipeline_view import Due, LastOutcome, Passes, PipelineError, Running
from polar_attio_pipeline.sandbox.world import Sandbox

SOON = datetime(2026, 11, 23, 22, tzinfo=UTC)
DAGSTER = "http://127.0.0.1:3000"


@dataclass
class Pipeline:
    """A pipeline that says what it was given.

    Attributes:
        asked: Whose outcomes were asked for.
        started: How often a pass was started.
        refusal: Raised by everything that can fail.
    """

    known: Mapping[str, LastOutcome] = field(default_factory=dict)
    said: Passes = field(default_factory=Passes)
    refusal: PipelineError | None = None
    asked: list[str] = field(default_factory=list)
    started: int = 0

    def outcomes(self, customer_ids: Collection[str]) -> Mapping[str, LastOutcome]:
        self.asked.extend(customer_ids)
        if self.refusal:
            raise self.refusal
        return {customer_id: self.known[customer_id] for customer_id in customer_ids if customer_id in self.known}

    def passes(self) -> Passes:
        return self.said

    def start(self) -> str:
        if self.refusal:
            raise self.refusal
        self.started += 1
        return f"{DAGSTER}/runs/1"


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def sandbox(pipeline: Pipeline) -> Sandbox:
    return Sandbox(pipeline=pipeline)


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(sandbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700/sandbox/page/") as client:
        yield client


async def shown(page: httpx.AsyncClient, **params: Any) -> Any:
    answer = await page.get("state", params=params)
    assert answer.status_code == 200
    return answer.json()


async def test_each_customer_that_is_shown_has_its_last_outcome_and_a_link_to_the_run(
    sandbox: Sandbox, pipeline: Pipeline, page: httpx.AsyncClient
) -> None:
    ada = sandbox.polar.add_customer(email="ada@example.com").id
    sandbox.polar.add_customer(email="bea@example.com")
    detail = "The customer has no address. Give it one in Polar."
    pipeline.known = {ada: LastOutcome("rejected", False, "no_email", detail, SOON, f"{DAGSTER}/runs/1")}

    assert (await shown(page))["outcomes"] == {
        ada: {
            "result": "rejected",
            "is_written": False,
            "reason": "no_email",
            "detail": detail,
            "at": SOON.isoformat(),
            "url": f"{DAGSTER}/runs/1",
        }
    }


async def test_only_what_is_shown_is_asked_for(sandbox: Sandbox, pipeline: Pipeline, page: httpx.AsyncClient) -> None:
    rows = [sandbox.polar.add_customer(email=f"{number}@example.com").id for number in range(5)]
    await shown(page, customers_limit=2, customer=rows[0])
    assert sorted(pipeline.asked) == sorted([rows[0], rows[3], rows[4]])


async def test_what_comes_and_what_runs_is_said_with_the_time_of_this_machine(
    sandbox: Sandbox, pipeline: Pipeline, page: httpx.AsyncClient
) -> None:
    due = [
        Due("Customers that have changed", True, SOON, "Nothing has changed.", f"{DAGSTER}/a"),
        Due("All customers", False, None, None, f"{DAGSTER}/b"),
    ]
    running = [Running("All customers", SOON, f"{DAGSTER}/runs/2")]
    pipeline.said = Passes(due, running, reports={"attio_people": f"{DAGSTER}/c"})
    sandbox.clock.shift(timedelta(days=9))

    said = (await shown(page))["pipeline"]

    assert abs(datetime.fromisoformat(said.pop("now")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert said == {
        "due": [
            {
                "title": "Customers that have changed",
                "is_on": True,
                "at": SOON.isoformat(),
                "said": "Nothing has changed.",
                "url": f"{DAGSTER}/a",
            },
            {"title": "All customers", "is_on": False, "at": None, "said": None, "url": f"{DAGSTER}/b"},
        ],
        "running": [{"title": "All customers", "since": SOON.isoformat(), "url": f"{DAGSTER}/runs/2"}],
        "reports": [{"name": "attio_people", "url": f"{DAGSTER}/c"}],
        "problems": [],
    }


async def test_what_is_not_known_is_said_and_costs_nothing_else(
    sandbox: Sandbox, pipeline: Pipeline, page: httpx.AsyncClient
) -> None:
    sandbox.polar.add_customer(email="ada@example.com")
    pipeline.said = Passes(problem="Dagster does not answer.")
    pipeline.refusal = PipelineError("The ledger cannot be read.")

    said = await shown(page)

    assert said["pipeline"]["problems"] == ["Dagster does not answer.", "The ledger cannot be read."]
    assert said["customers"]["total"] == 1
    assert said["outcomes"] == {}


async def test_without_a_pipeline_there_is_none_and_none_is_started(sandbox: Sandbox, page: httpx.AsyncClient) -> None:
    sandbox.pipeline = None
    said = await shown(page)
    assert (said["pipeline"], said["outcomes"]) == (None, {})
    answer = await page.post("passes", json={})
    assert (answer.status_code, answer.json()) == (502, {"detail": "No pipeline is connected to this sandbox."})


async def test_a_pass_is_started_and_its_page_named(pipeline: Pipeline, page: httpx.AsyncClient) -> None:
    answer = await page.post("passes", json={}, headers={"Origin": "http://127.0.0.1:8700"})
    assert (answer.status_code, answer.json()) == (201, {"url": f"{DAGSTER}/runs/1"})
    assert pipeline.started == 1


async def test_a_pass_that_is_refused_says_why(pipeline: Pipeline, page: httpx.AsyncClient) -> None:
    pipeline.refusal = PipelineError("A pass over all customers runs already.")
    answer = await page.post("passes", json={})
    assert (answer.status_code, answer.json()) == (502, {"detail": "A pass over all customers runs already."})


@pytest.mark.parametrize("origin", ["https://example.com", "http://127.0.0.1:9999", "null"])
@pytest.mark.parametrize("path", ["passes", "customers", "people"])
async def test_the_page_of_another_origin_changes_nothing_and_starts_nothing(
    path: str, origin: str, sandbox: Sandbox, pipeline: Pipeline, page: httpx.AsyncClient
) -> None:
    answer = await page.post(path, json={"email": "ada@example.com"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert pipeline.started == 0
    assert not sandbox.polar.customers
    assert not sandbox.attio.people()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_looking_at_its_address_starts_no_pass(method: str, pipeline: Pipeline, page: httpx.AsyncClient) -> None:
    assert (await page.request(method, "passes")).status_code == 405
    assert pipeline.started == 0
