"""Everything really killed, two days missed, started again and left alone: every missed hour gets filled."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import httpx
import pytest
from playwright.sync_api import Browser

from polar_attio_pipeline.defs.sensors.cursor import Cursor, dump
from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline_tests.browser.chromium import fresh_page
from polar_attio_pipeline_tests.browser.stack import BIN, HOST, ROOT, answers, first_line, free_port, process, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OUTAGE = 48
PEOPLE = dg.AssetKey("attio_people")
SELECTOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "polar_attio_pipeline",
    "sensorName": "new_polar_customers",
}
SET_CURSOR = """mutation($selector: SensorSelector!, $cursor: String!) {
  setSensorCursor(sensorSelector: $selector, cursor: $cursor) { __typename } }"""


def test_an_outage_of_two_days_is_filled_without_anybody(chromium: Browser, tmp_path: Path, shots: Path) -> None:
    """The clock cannot be moved for real processes, so the partitions are: what the last 48 hours did is taken back."""
    now = floor(datetime.now(UTC))
    first = floor(now - HOUR * (OUTAGE + 24)).replace(hour=0)
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text().replace(".state/", f"{tmp_path}/"))
    with sandbox(tmp_path) as (url, tokens):
        environment = {
            **os.environ,
            **tokens,
            "POLAR_API_URL": url,
            "ATTIO_API_URL": url,
            "POLAR_ATTIO_START_DATE": first.date().isoformat(),
            "POLAR_ATTIO_DATABASE_URL": str(tmp_path / "ledger.db"),
            "DAGSTER_HOME": str(home),
        }
        subprocess.run([BIN / "polar-attio", "setup"], env=environment, cwd=ROOT, check=True, capture_output=True)
        with dagster(environment, tmp_path / "before"), instance(home) as state:
            until(lambda: not missing(state, between(first, now - HOUR)), seconds=240)

        lost = between(now - HOUR * OUTAGE, now)
        take_back(tmp_path / "dagster" / "history" / "runs" / "index.db", lost)
        for number, hour in enumerate(lost[:-1]):
            born = (hour + HOUR / 2).isoformat()
            customer = {"email": f"outage-{number}@example.com", "name": "Olu Tage", "created_at": born}
            httpx.post(f"{url}/sandbox/customers", json=customer).raise_for_status()

        with dagster(environment, tmp_path / "after", cursor=dump(Cursor(start=first, watermark=lost[0]))) as ui:
            with instance(home) as state:
                before = len(state.get_runs())
                assert missing(state, lost)
                until(lambda: not missing(state, lost[:-1]), seconds=240)
                until(lambda: all(run.is_finished for run in state.get_runs()), seconds=60)
                runs = state.get_runs()
            with fresh_page(chromium, width=1440, height=900, timeout=30_000) as page:
                page.goto(f"{ui}/assets/attio_people?view=partitions")
                page.get_by_text("Missing (").wait_for()
                page.screenshot(path=shots / "outage-filled.png")
        totals = httpx.get(f"{url}/sandbox/traffic").json()["totals"]
        # Whichever run the kill hit is ended as failed, and does not hold up those that come after it.
        assert sum(run.status is not dg.DagsterRunStatus.SUCCESS for run in runs) <= 1
        assert len(runs) - before <= 8, "a range is one run"
        assert totals["attio"]["early_retries"] == totals["polar"]["early_retries"] == 0
        arrived = emails_in_attio(url, tokens, "outage-")
        assert arrived == {f"outage-{number}@example.com" for number in range(OUTAGE)}


def take_back(database: Path, hours: list[datetime]) -> None:
    """Make Dagster forget what was done for these hours, as if it had been dead all the time."""
    marks = ", ".join("?" for _ in hours)
    with sqlite3.connect(database) as connection:
        connection.execute(f"DELETE FROM event_logs WHERE partition IN ({marks})", list(map(key, hours)))
        connection.execute("UPDATE asset_keys SET cached_status_data = NULL")
    connection.close()


@contextmanager
def sandbox(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    command = [str(BIN / "python"), "-m", "polar_attio_pipeline.sandbox", "--customers", "100", "--limits", "off"]
    with process(command, os.environ, folder / "sandbox") as started:
        url, *tokens = until(lambda: first_line(folder / "sandbox.out"), started).split()
        yield url, dict(token.split("=", 1) for token in tokens)


@contextmanager
def dagster(environment: Mapping[str, str], folder: Path, *, cursor: str = "") -> Iterator[str]:
    """Run the webserver, its code server and the daemon, and kill the whole tree of each at the end."""
    folder.mkdir()
    port = free_port()
    serve = [str(BIN / "dagster-webserver"), "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    daemon = [str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    with ExitStack() as processes:
        webserver = processes.enter_context(process(serve, environment, folder / "webserver"))
        until(lambda: answers(f"http://{HOST}:{port}"), webserver)
        if cursor:
            asked = {"query": SET_CURSOR, "variables": {"selector": SELECTOR, "cursor": cursor}}
            answer = httpx.post(f"http://{HOST}:{port}/graphql", json=asked, timeout=30).json()
            assert answer["data"]["setSensorCursor"]["__typename"] == "Sensor", answer
        background = processes.enter_context(process(daemon, environment, folder / "daemon"))
        try:
            yield f"http://{HOST}:{port}"
        finally:
            for killed in (background, webserver):
                os.killpg(killed.pid, signal.SIGKILL)


@contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as found:
        yield found


def missing(state: dg.DagsterInstance, hours: list[datetime]) -> list[datetime]:
    done = state.event_log_storage.get_latest_storage_id_by_partition(
        PEOPLE, dg.DagsterEventType.ASSET_MATERIALIZATION, set(map(key, hours))
    )
    return [hour for hour in hours if key(hour) not in done]


def emails_in_attio(url: str, tokens: Mapping[str, str], prefix: str) -> set[str]:
    found = httpx.post(
        f"{url}/v2/objects/people/records/query",
        json={"filter": {"email_addresses": {"email_address": {"$starts_with": prefix}}}},
        headers={"authorization": f"Bearer {tokens['ATTIO_API_KEY']}"},
    )
    records = found.raise_for_status().json()["data"]
    return {value["email_address"] for record in records for value in record["values"]["email_addresses"]}
