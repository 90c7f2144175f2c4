"""Dagster and the ledger on Postgres, as real processes, set up as docs/postgres.md says."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.processes import TAG
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.browser.stack import BIN, until
from polar_attio_pipeline_tests.faults.crash_points import Trap, is_polar, is_write, open_shop
from polar_attio_pipeline_tests.faults.dagster_kills import settings_of
from polar_attio_pipeline_tests.faults.oracle import judge
from polar_attio_pipeline_tests.ledger import postgres
from polar_attio_pipeline_tests.ledger.postgres import Server
from polar_attio_pipeline_tests.postgres import page
from polar_attio_pipeline_tests.postgres.interrupting import Pause, Traps
from polar_attio_pipeline_tests.postgres.length import whole
from polar_attio_pipeline_tests.postgres.tree import Tree
from polar_attio_pipeline_tests.replay import check_history

pytestmark = pytest.mark.slow

PASSWORDS = {"polar_attio": "ledger-hunter2", "dagster": "dagster-hunter3"}
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "polar_attio_pipeline"}
PEOPLE = dg.AssetKey("attio_people")
PATIENCE = 420
"""Seconds: start of the processes, ticks every 20 to 30 s, and a run, beside other tests. Where two runs have failed,
such as one that was killed and one that could not start, their hours are asked for again after two minutes."""

_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


@dataclass
class House:
    """A book in Polar, and Dagster with all of its processes, which brings it to Attio.

    Attributes:
        said: Every state of every customer, by id.
    """

    sandbox: Sandbox
    traps: Traps
    settings: Mapping[str, str]
    tree: Tree
    said: dict[str, list[Customer]] = field(default_factory=dict)

    def add(self, count: int, *, first: datetime | None = None, step: timedelta = timedelta(0)) -> list[Customer]:
        """Add customers, now or from a moment on, so far apart."""
        moments = [first + step * number if first else datetime.now(UTC) for number in range(count)]
        added = [
            self.sandbox.polar.add_customer(email=f"{uuid4().hex}@example.com", name="N. N.", created_at=moment)
            for moment in moments
        ]
        self.remember()
        return added

    def remember(self) -> None:
        """Take note of what Polar says."""
        for row in self.sandbox.polar.customers.values():
            states = self.said.setdefault(row.id, [])
            if row not in states:
                states.append(row)

    def until_all_are_in_attio(self) -> None:
        """Wait until each customer of Polar is a person."""
        until(lambda: self.sandbox.polar.customers.keys() <= self._held(), seconds=PATIENCE)

    def until_quiet(self) -> None:
        """Wait until no run is under way."""
        with self.tree.instance() as instance:
            until(lambda: all(run.is_finished for run in instance.get_runs()), seconds=PATIENCE)

    def is_read(self, service: str, method: str, path: str) -> bool:
        """Tell whether a request asks Polar while a run is under way that has said in which process it lives."""
        if not is_polar(service, method, path):
            return False
        with self.tree.instance() as instance:
            return any(TAG in run.tags for run in _started(instance))

    def check(self) -> None:
        """Insist that everybody is one person, and that every write is in the history once."""
        self.until_quiet()
        verdict = judge(self.sandbox.polar, self.sandbox.attio, self.said)
        assert verdict.is_true, verdict
        ledger = Ledger(self.settings["POLAR_ATTIO_DATABASE_URL"])
        assert ledger.unsettled() == []
        assert ledger.lease_holder().owner is None
        check_history(self.sandbox.attio, ledger.all_changes())

    def _held(self) -> set[str]:
        return {str(person.values.get("polar_customer_id")) for person in self.sandbox.attio.people()}


def as_the_page_says(server: Server) -> dict[str, str]:
    """Make the roles and databases; return the URL of each."""
    statements = page.block("sql")
    for name, password in PASSWORDS.items():
        statements = re.sub(rf"(ROLE {name} .*PASSWORD) '.*'", rf"\1 '{password}'", statements)
        assert password in statements
    members = ", ".join(PASSWORDS)
    postgres.run_sql(server.port, *filter(str.strip, statements.split(";")))
    postgres.run_sql(server.port, f"GRANT {postgres.WITH_PASSWORD} TO {members}")
    schemes = {name: re.search(rf"^    \w+=(\S+)://{name}:", page.text(), re.MULTILINE) for name in PASSWORDS}
    return {
        name: f"{scheme[1]}://{name}:{PASSWORDS[name]}@{postgres.HOST}:{server.port}/{name}"
        for name, scheme in schemes.items()
        if scheme
    }


@pytest.fixture(scope="module")
def house(server: Server) -> Iterator[House]:
    urls = as_the_page_says(server)
    shop = open_shop(urls["polar_attio"])
    traps = shop.sandbox.faults = Traps()
    # The path of the code server's socket has a hundred characters at most, fewer than pytest's folders.
    with (
        pytest.MonkeyPatch.context() as patched,
        tempfile.TemporaryDirectory() as folder,
        serving(shop.sandbox) as url,
    ):
        patched.setenv("DAGSTER_POSTGRES_URL", urls["dagster"])
        settings = {**settings_of(shop, url), "POLAR_ATTIO_SENSOR_SECONDS": "20"}
        tree = Tree(Path(folder), storage=page.block("yaml"), environment={**os.environ, **settings})
        house = House(shop.sandbox, traps, settings, tree)
        house.remember()
        tree.start()
        try:
            yield house
        finally:
            tree.close()


MOMENTS: dict[str, Callable[[House], Trap]] = {
    "between a write and its record": lambda _: Trap(is_write, 10, after=True),
    "while Polar is read": lambda house: Trap(house.is_read, 1, after=False),
    "between two writes": lambda _: Trap(is_write, 10, after=False),
}


@pytest.mark.parametrize(
    "moment", [next(iter(MOMENTS)), *(pytest.param(name, marks=whole) for name in list(MOMENTS)[1:])]
)
def test_when_all_is_killed_at_once_and_started_again_nothing_is_lost_and_nothing_doubled(
    house: House, moment: str
) -> None:
    trap = house.traps.set(MOMENTS[moment](house))
    house.add(20)
    assert trap.sprung.wait(PATIENCE)
    with house.tree.instance() as instance:
        # Another run may have started beside it; each has to say where it lives before it dies.
        until(lambda: all(TAG in run.tags for run in _started(instance)), seconds=PATIENCE)
        under_way = _started(instance)
        house.tree.kill()
        house.tree.start()

        house.until_all_are_in_attio()
        house.check()

        # The one that was held cannot have ended of itself; one beside it may have, just before.
        ended = instance.get_runs(dg.RunsFilter(run_ids=[run.run_id for run in under_way]))
        failed = [run for run in ended if run.status is dg.DagsterRunStatus.FAILURE]
        assert failed
        for run in failed:
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
            assert any("The process of this run ended without a word" in (event.message or "") for event in events)


def _started(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))


def test_a_pass_at_the_terminal_beside_a_run_says_whom_it_waits_for_and_doubles_nobody(
    house: House, tmp_path: Path
) -> None:
    house.until_quiet()
    before = house.sandbox.attio.writes
    # From before the first hour: only a pass over all customers finds them.
    customers = house.add(20, first=datetime.now(UTC) - timedelta(days=30), step=timedelta(minutes=1))
    pause = house.traps.set(Pause())
    selector = {**REPOSITORY, "jobName": "full_reconciliation"}
    launched = house.tree.stack.graphql(_LAUNCH, params={"selector": selector, "runConfigData": "{}"})["launchRun"]
    assert pause.sprung.wait(PATIENCE)

    said = tmp_path / "said"
    environment = {**os.environ, **house.settings}
    with (
        said.open("wb") as output,
        subprocess.Popen(
            [BIN / "polar-attio", "sync"], cwd=tmp_path, env=environment, stdout=output, stderr=output
        ) as process,
    ):
        ended = process.wait(PATIENCE)

    house.until_all_are_in_attio()
    house.check()
    assert ended == 0, said.read_text()
    whom = r"another pass is at work \(a reconciliation of everything, in process \d+ on .+\), so this one waits"
    assert re.search(whom, said.read_text())
    assert house.sandbox.attio.writes - before == len(customers)
    with house.tree.instance() as instance:
        run = instance.get_run_by_id(launched["run"]["runId"])
        assert run
        assert run.status is dg.DagsterRunStatus.SUCCESS


def test_what_changes_in_polar_comes_to_attio_by_its_events(house: House) -> None:
    (customer,) = house.add(1)
    house.until_all_are_in_attio()

    house.sandbox.polar.update_customer(customer.id, external_id="changed")
    house.remember()

    def external_id() -> object:
        (person,) = (one for one in house.sandbox.attio.people() if one.values.get("polar_customer_id") == customer.id)
        return person.values.get("polar_external_id")

    until(lambda: external_id() == "changed", seconds=PATIENCE)
    house.check()


@whole
def test_a_server_that_is_restarted_below_dagster_holds_nobody_up(house: House, server: Server) -> None:
    house.until_quiet()
    server.restart()

    house.add(5)
    house.until_all_are_in_attio()

    house.check()


@whole
def test_two_instances_of_dagster_with_one_ledger_double_nobody(house: House, server: Server) -> None:
    state = postgres.create_database(server.port, uuid4().hex).replace("+psycopg:", "+psycopg2:")
    storage = f"storage:\n  postgres:\n    postgres_url: {state}\n"
    with tempfile.TemporaryDirectory() as folder:
        another = Tree(Path(folder), storage=storage, environment={**os.environ, **house.settings})
        another.start()
        try:
            house.add(10)
            house.until_all_are_in_attio()
            with another.instance() as instance:
                until(lambda: bool(instance.get_runs()), seconds=PATIENCE)
                until(lambda: all(run.is_finished for run in instance.get_runs()), seconds=PATIENCE)
            house.check()
        finally:
            another.close()


def test_hours_that_nobody_has_synced_are_filled_by_one_backfill_over_their_range(house: House) -> None:
    house.tree.stack.rest()
    house.until_quiet()
    now = floor(datetime.now(UTC))
    hours = between(now - HOUR * 20, now - HOUR * 10)
    house.add(len(hours), first=hours[0] + HOUR / 2, step=HOUR)
    began = datetime.now(UTC).timestamp()

    params = {
        "assetSelection": [{"path": ["polar_customers"]}, {"path": ["attio_people"]}],
        "partitionNames": [key(hour) for hour in hours],
    }
    launched = house.tree.stack.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
    assert "backfillId" in launched, launched

    house.until_all_are_in_attio()
    house.check()
    with house.tree.instance() as instance:
        newest = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=PEOPLE, after_timestamp=began), limit=1000
        ).records
        runs = {record.run_id for record in newest}
        assert {record.partition_key for record in newest} == {key(hour) for hour in hours}
        assert len(runs) == 1


def test_no_password_is_in_what_the_processes_and_the_runs_have_said(house: House) -> None:
    written = [path for path in house.tree.home.rglob("*") if path.is_file()]
    with house.tree.instance() as instance:
        logs = [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    everything = "".join([*map(repr, logs), *(path.read_text(errors="replace") for path in written)])

    assert len(everything) > 10_000
    assert [password for password in PASSWORDS.values() if password in everything] == []
