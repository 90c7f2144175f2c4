"""The work that is measured, each piece in a process of its own, so that its memory and its time are its alone.

`python -m polar_attio_pipeline_tests.benchmarks.work TASK OPTIONS`: options and report are JSON.
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.connections import attio_of, polar_of
from polar_attio_pipeline.hours import between, floor
from polar_attio_pipeline.passes import reconciliation as passes
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.reading import read_hours
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.outcomes import tally
from polar_attio_pipeline_tests.benchmarks.memory import peak_megabytes
from polar_attio_pipeline_tests.benchmarks.naive import naive_pass

Report = dict[str, Any]


class _Stopwatch(httpx.AsyncHTTPTransport):
    """The network, with a note of when the first write left and the last was answered."""

    def __init__(self) -> None:
        super().__init__(limits=httpx.Limits(max_connections=None, max_keepalive_connections=100))
        self.first = self.last = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        writes = request.method != "GET" and not request.url.path.endswith("/query")
        began = time.monotonic()
        response = await super().handle_async_request(request)
        if writes:
            self.first = self.first or began
            self.last = time.monotonic()
        return response


async def reconcile(database: str) -> Report:
    """Reconcile all customers."""
    stopwatch = _Stopwatch()
    began = time.monotonic()
    async with connected(_settings(database), reason="bench", attio_transport=stopwatch) as context:
        report = await passes.reconcile(context)
    return {
        "seconds": time.monotonic() - began,
        "writing_seconds": stopwatch.last - stopwatch.first,
        "counts": {result.value: count for result, count in report.counts.items()},
    }


async def changed(database: str, customer_id: str) -> Report:
    """Bring one customer to Attio that has changed."""
    async with connected(_settings(database), reason="bench") as context:
        done = await sync_changed(context, [customer_id])
    return {"outcomes": [outcome.result.value for outcome in done.outcomes]}


async def hours(database: str, first: str, last: str) -> Report:
    """Read a range of hours and bring their customers to Attio."""
    began = time.monotonic()
    done: list[HourDone] = []
    starts = between(floor(datetime.fromisoformat(first)), floor(datetime.fromisoformat(last)))
    async with connected(_settings(database), reason="bench") as context:
        await sync_hours(context, Hours(starts), done.append)
    outcomes = [outcome for hour in done for outcome in hour.outcomes]
    counts = {result.value: count for result, count in tally(outcomes).items()}
    return {"seconds": time.monotonic() - began, "counts": counts}


def _settings(database: str) -> Settings:
    return Settings(polar_attio_database_url=SecretStr(database))


async def read(database: str, hour: str) -> Report:
    """Read one hour of Polar."""
    del database
    settings = Settings()
    async with polar_of(settings) as polar:
        client = PolarClient(polar, organization_slug=settings.polar_organization_slug)
        moment = datetime.fromisoformat(hour)
        reading = await read_hours(client, [moment])
    return {"customers": len(reading.customers)}


async def look_up(database: str, batch: int, customers: int) -> Report:
    """Look people up by id and by address, so many keys a search."""
    del database
    settings = Settings()
    async with attio_of(settings) as attio:
        people = await AttioClient.connect(attio, settings.slugs())
        client = AttioClient(attio, people.workspace, keys_per_search=batch)
        known = [person async for page in client.marked() for person in page][:customers]
        emails = [email for person in known for email in person.emails]
        ids = [str(person.values["polar_customer_id"].value) for person in known]
        before = attio.stats.requests.total()
        began = time.monotonic()
        found = (await client.find(ids=ids, emails=emails)).people
        seconds = time.monotonic() - began
    return {"seconds": seconds, "found": len(found), "requests": attio.stats.requests.total() - before}


async def naive(database: str, most: int) -> Report:
    """Upsert one listed customer after another; no more than so many, to learn the rate."""
    del database
    settings = Settings()
    began = time.monotonic()
    done = await naive_pass(settings, most=most)
    return {"seconds": time.monotonic() - began, **done}


TASKS: dict[str, Callable[..., Coroutine[Any, Any, Report]]] = {
    "reconcile": reconcile,
    "changed": changed,
    "hours": hours,
    "read": read,
    "look_up": look_up,
    "naive": naive,
}


def main() -> None:
    """Do one task and print its report."""
    task, options = sys.argv[1], json.loads(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        database = options.pop("database", None) or str(Path(folder) / "ledger.db")
        report = asyncio.run(TASKS[task](database, **options))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(
        json.dumps({**report, "megabytes": peak_megabytes(), "cpu": usage.ru_utime + usage.ru_stime}) + "\n"
    )


if __name__ == "__main__":
    main()
