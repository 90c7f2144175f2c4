"""A service that repeats the token, whatever it looks like: it is in no log, output, event, run or file."""

import asyncio
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import pytest
from hypothesis import given, settings
from pydantic import SecretStr

from polar_attio_pipeline.attio.errors import explain_answer, message_of
from polar_attio_pipeline.cli import plan, setup
from polar_attio_pipeline.cli.checks import attio, polar
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.polar.errors import explain_polar
from polar_attio_pipeline_tests.conftest import IMPATIENT, Pipeline, evaluate
from polar_attio_pipeline_tests.security.echoing import (
    ECHOES,
    Echo,
    Server,
    echoing,
    in_a_broken_header,
    in_a_redirect,
    in_a_success,
    in_words,
)
from polar_attio_pipeline_tests.security.odd import PRINTABLE, SENDABLE, leaks, secret
from polar_attio_pipeline_tests.security.trail import Trail, stored

TOKEN = secret(SENDABLE)
LOUD = (
    "httpx",
    "httpcore",
    "sqlalchemy",
    "alembic",
    "dagster",
    "apprise",
    "urllib3",
    "asyncio",
    "polar_attio_pipeline",
)
JOBS = ("customer_sync", "full_reconciliation")


@pytest.fixture(params=ECHOES, ids=lambda echo: echo.__name__)
def echo(request: pytest.FixtureRequest) -> Echo:
    """Each kind of answer."""
    found: Echo = request.param
    return found


@pytest.fixture
def server(echo: Echo) -> Iterator[Server]:
    with echoing(echo) as server:
        yield server


@pytest.fixture
def trail(  # noqa: PLR0917  # fixtures
    pipeline: Pipeline,
    impatient: None,
    server: Server,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Trail:
    """Every setting leads to the server that echoes, and every logger says all that it can."""
    caplog.set_level(logging.DEBUG)
    for name in LOUD:
        caplog.set_level(logging.DEBUG, logger=name)
    for module in (plan, setup, polar, attio):
        for name in {"PATIENT", "IMPATIENT"} & vars(module).keys():
            monkeypatch.setattr(module, name, IMPATIENT)
    for name, value in {
        "POLAR_API_URL": server.url,
        "POLAR_ACCESS_TOKEN": TOKEN,
        "ATTIO_API_URL": server.url,
        "ATTIO_API_KEY": TOKEN,
        "POLAR_ATTIO_DATABASE_URL": str(pipeline.database),
    }.items():
        monkeypatch.setenv(name, value)
    pipeline.configure(
        polar_api_url=server.url,
        attio_api_url=server.url,
        polar_access_token=SecretStr(TOKEN),
        attio_api_key=SecretStr(TOKEN),
    )
    return Trail(pipeline, caplog, capfd)


def test_commands_that_are_answered_with_the_token_do_not_repeat_it(
    trail: Trail, server: Server, tmp_path: Path
) -> None:
    for command in ("doctor", "setup", "plan", "sync"):
        assert trail.command(command)

    assert f"Bearer {TOKEN}" in server.heard, "the token was sent, and came back"
    assert leaks(trail.text(), TOKEN) == []
    assert leaks(stored(tmp_path), TOKEN) == []


@pytest.mark.parametrize(
    "echo", [in_words, in_a_broken_header, in_a_success], indirect=True, ids=lambda echo: echo.__name__
)
def test_jobs_and_sensors_that_are_answered_with_the_token_keep_nothing_of_it(
    trail: Trail, server: Server, tmp_path: Path
) -> None:
    for job in JOBS:
        trail.run(job)
    said = [tick(trail.pipeline, sensor.name) for sensor in trail.pipeline.defs.sensors or ()]

    assert f"Bearer {TOKEN}" in server.heard
    assert leaks(trail.text(), TOKEN) == []
    assert leaks("\n".join(said), TOKEN) == []
    assert leaks(stored(tmp_path), TOKEN) == []


def tick(pipeline: Pipeline, name: str) -> str:
    """What a sensor answers, or the whole error that it raises, as Dagster would keep it."""
    sensor = pipeline.defs.resolve_sensor_def(name)
    resources = {key: (pipeline.defs.resources or {})[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(instance=pipeline.instance, resources=resources) as context:
        try:
            return repr(evaluate(sensor, context))
        except Exception:  # noqa: BLE001  # whatever it is
            return traceback.format_exc()


@settings(max_examples=60)
@given(token=PRINTABLE)
def test_no_error_of_a_client_repeats_a_token_that_its_answer_does(token: str) -> None:
    for explain in (explain_polar, explain_answer):
        error = asyncio.run(refused(token.strip(), explain))
        told = f"{error} {error!r} {error.code} {error.execution_id}"
        assert leaks(told, token) == []


async def refused(token: str, explain: object) -> ApiError:
    def answer(request: httpx.Request) -> httpx.Response:
        said = request.headers["Authorization"].removeprefix("Bearer ")
        body = {"code": said, "error": said, "message": said, "validation_errors": [{"path": [said], "message": said}]}
        return httpx.Response(422, json=body, headers={"x-attio-execution-id": said})

    client = ApiClient(
        service="Attio",
        base_url="https://api.example.com",
        token=SecretStr(token),
        limiters={"all": RateLimiter(1000)},
        explain=explain,  # type: ignore[arg-type]  # either of both services
        transport=httpx.MockTransport(answer),
    )
    async with client:
        with pytest.raises(ApiError) as refusal:
            await client.request("GET", "/", limiter="all")
        assert leaks(message_of(refusal.value), token) == []
    return refusal.value


@pytest.mark.parametrize("echo", [in_a_redirect], indirect=True)
def test_a_redirect_is_followed_nowhere_with_or_without_the_token(trail: Trail, server: Server) -> None:
    with echoing(in_a_redirect) as other:

        def elsewhere(request: object, token: str) -> None:
            request.answer(307, Location=f"{other.url}/v1/customers/")  # type: ignore[attr-defined]

        with echoing(elsewhere) as first:
            trail.pipeline.configure(polar_api_url=first.url, attio_api_url=first.url)
            for job in JOBS:
                trail.run(job)

            assert first.heard
        assert other.heard == []
