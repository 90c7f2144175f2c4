"""Passes that die in process: at a request, before or after it was carried out, or before the ledger stored its answer.

Nothing leaves a dead pass any more: no request, no transaction.
"""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import httpx
from pydantic import SecretStr
from starlette.types import ASGIApp

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.traffic import kind_of
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.faults.life import Death, KilledError, Life, MortalLedger
from polar_attio_pipeline_tests.passes.stage import IMPATIENT, UNLIMITED

Moment = Literal["before it is sent", "before it is answered", "before its answer is stored"]
"""When, around a write to Attio, a pass dies."""

MOMENTS: tuple[Moment, ...] = ("before it is sent", "before it is answered", "before its answer is stored")

_numbers = itertools.count(1)


class _Wire(httpx.AsyncBaseTransport):
    """Carries requests to the sandbox until the pass is dead.

    Args:
        app: The sandbox.
        life: Of the pass; it dies at a write, before it or after it.
        answered: At which write the pass dies with the answer in its hands; None for none.
    """

    def __init__(self, app: ASGIApp, life: Life, answered: int | None) -> None:
        self._sandbox = httpx.ASGITransport(app)
        self._life = life
        self._answered = answered
        self._writes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        writes = request.url.path.startswith("/v2/") and kind_of(request.method, request.url.path) == "write"
        self._life.go_on()
        if writes:
            self._life.before("write")
        response = await self._sandbox.handle_async_request(request)
        if writes:
            self._life.after("write")
            self._writes += 1
            if self._writes == self._answered:
                self._life.end()
        return response


async def run_and_die(
    sandbox: Sandbox,
    file: Path,
    run: Callable[[PassContext], Awaitable[object]],
    *,
    rules: Rules,
    death: Death | None = None,
    answered: int | None = None,
) -> bool:
    """Run a pass as a process of its own would; return whether it was killed.

    Args:
        sandbox: Both services.
        file: Of the ledger.
        run: The pass.
        rules: What it may do.
        death: When it dies; None for a pass that lives to its end, or dies with an answer in its hands.
        answered: At which write it dies with the answer in its hands.

    Raises:
        Exception: whatever ends the pass but being killed.
    """
    life = Life(death)
    transport = _Wire(create_app(sandbox), life, answered)
    at = {"base_url": "http://sandbox", "retry": IMPATIENT, "transport": transport}
    ledger = MortalLedger(str(file), life)
    polar_connection = polar_api(token=SecretStr(POLAR_TOKEN), requests_per_minute=UNLIMITED, **at)  # type: ignore[arg-type]
    attio_connection = attio_api(
        api_key=SecretStr(ATTIO_TOKEN),
        reads_per_second=UNLIMITED,
        writes_per_second=UNLIMITED,
        **at,  # type: ignore[arg-type]
    )
    try:
        async with polar_connection as polar, attio_connection as attio:
            context = PassContext(
                pass_id=f"pass-{next(_numbers)}",
                reason="test",
                polar=PolarClient(polar),
                attio=await AttioClient.connect(attio, {key: key for key in BY_KEY}),
                ledger=ledger,
                rules=rules,
                pace=Pace(writes=UNLIMITED, questions=UNLIMITED),
            )
            await run(context)
    except KilledError:
        _free_lease(file)
        return True
    finally:
        ledger.close()
    assert not life.dead, "the pass did not notice that it was dead"
    return False


def _free_lease(file: Path) -> None:
    """Let the next pass begin, which in a process of its own would see that the holder is dead."""
    ledger = Ledger(file)
    ledger.release_lease(ledger.lease_holder().fencing_token)
    ledger.close()
