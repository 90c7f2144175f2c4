"""The real definitions on a sandbox: over sockets of this machine, on an instance that forgets."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import hypothesis
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline.http import client as http_client
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.attio.people import PersonView
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.attributes import add_attributes

PEOPLE = dg.AssetKey("attio_people")
CUSTOMERS = dg.AssetKey("polar_customers")
RECONCILIATION = dg.AssetKey("customer_reconciliation")

IMPATIENT = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.001)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


hypothesis.settings.register_profile("any machine", deadline=None)  # A machine that is busy makes no property false.
hypothesis.settings.load_profile("any machine")


def pytest_configure() -> None:
    """Heed SIGINT although the tests were started in the background of a shell, which has it ignored.

    Dagster gives SIGTERM what SIGINT has, and children that ignore SIGTERM are waited for without end.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that have slow tests: begun last, one of them would keep one worker busy after all others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@dataclass
class Pipeline:
    """The definitions on a sandbox.

    Attributes:
        settings: Of the definitions; a test may give other ones to `configure`.
        here: An hour that has ended, a while ago: nothing that a test does lies in an hour still open.
    """

    sandbox: Sandbox
    settings: Settings
    instance: dg.DagsterInstance
    here: datetime

    def __post_init__(self) -> None:
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Build the definitions anew, with some other settings."""
        self.settings = self.settings.model_copy(update=changes)
        self.defs = build(self.settings)

    @property
    def database(self) -> Path:
        """The ledger's file."""
        return Path(self.settings.polar_attio_database_url.get_secret_value())

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @property
    def writes(self) -> int:
        """How many writes Attio has accepted."""
        return self.sandbox.attio.writes

    def add(self, who: str, *, hour: int = 0, minute: int = 30, **fields: Any) -> Customer:
        """Add a customer so many hours after `here`, by the address who@example.com."""
        created_at = self.here + HOUR * hour + timedelta(minutes=minute)
        given = {"email": f"{who}@example.com", "name": f"{who.title()} Example", "created_at": created_at, **fields}
        return self.sandbox.polar.add_customer(**given)

    def person(self, who: str) -> PersonView:
        """The one person of Attio that has the address who@example.com."""
        (found,) = (person for person in self.sandbox.attio.people() if f"{who}@example.com" in person.emails)
        return found

    def names(self) -> set[str]:
        """Whose addresses at example.com are in Attio."""
        emails = [email for person in self.sandbox.attio.people() for email in person.emails]
        return {email.removesuffix("@example.com") for email in emails}

    def sync(
        self,
        first: int = 0,
        last: int | None = None,
        *,
        selection: list[dg.AssetKey] | None = None,
        retry_unresolved: bool = False,
        fails: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Run customer_sync over the hours from `first` to `last` after `here`."""
        end = first if last is None else last
        config = {"ops": {"attio_people": {"config": {"retry_unresolved": retry_unresolved}}}}
        only_people = selection is None or PEOPLE in selection
        return self.run(
            "customer_sync",
            tags=range_tags(self.here + HOUR * first, self.here + HOUR * end),
            selection=selection,
            run_config=config if only_people else {},
            fails=fails,
        )

    def reconcile(self, *, fails: bool = False) -> dg.ExecuteInProcessResult:
        return self.run("full_reconciliation", fails=fails)

    def run(
        self,
        job: str,
        *,
        tags: Mapping[str, str] | None = None,
        selection: list[dg.AssetKey] | None = None,
        run_config: Mapping[str, Any] | None = None,
        fails: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Run a job to the end that the test expects."""
        result = self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=dict(tags or {}),
            asset_selection=selection,
            run_config={**_QUIET, **(run_config or {})},
            raise_on_error=False,
        )
        errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
        assert result.success is not fails, "\n".join(error.to_string() for error in errors if error)
        return result

    def recorded(self, asset: dg.AssetKey = PEOPLE) -> dict[str, dict[str, Any]]:
        """The metadata of each hour's newest materialisation, by partition key."""
        records = self.instance.fetch_materializations(asset, limit=1000).records
        found: dict[str, dict[str, Any]] = {}
        for record in records:
            event = record.asset_materialization
            assert event is not None
            found.setdefault(event.partition or "", {name: value.value for name, value in event.metadata.items()})
        return found

    def hour(self, hour: int = 0, asset: dg.AssetKey = PEOPLE) -> dict[str, Any]:
        """The metadata of one hour's newest materialisation."""
        return self.recorded(asset)[key(self.here + HOUR * hour)]

    def keys(self, first: int, last: int) -> set[str]:
        return set(map(key, between(self.here + HOUR * first, self.here + HOUR * last)))


def what_failed(result: dg.ExecuteInProcessResult) -> str:
    """The sentence that the UI shows above everything else of a failed run: there is exactly one."""
    (failure,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None, failure.error
    assert failure.error is not None
    assert failure.error.cause is None
    assert failure.error.message.strip().endswith(failure.user_failure_data.description or "nothing")
    return failure.user_failure_data.description or ""


def evaluate(sensor: dg.SensorDefinition, context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """What a sensor answers: called itself, Dagster would hand it its resources as arguments that it does not have."""
    result = sensor._raw_fn(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def set_up(sandbox: Sandbox) -> None:
    """Give Attio the attributes, as `polar-attio setup` does."""
    add_attributes(sandbox.attio)


@pytest.fixture
def services() -> Sandbox:
    """Both services, empty but for the attributes."""
    sandbox = Sandbox(scale=OFF)
    set_up(sandbox)
    return sandbox


@pytest.fixture
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a .env, and no setting but those that a test makes."""
    monkeypatch.chdir(tmp_path)
    names = tuple(name.upper() for name in Settings.model_fields)
    for name in list(os.environ):
        if name.startswith(names):
            monkeypatch.delenv(name)


@pytest.fixture
def tokens(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", POLAR_TOKEN)
    monkeypatch.setenv("ATTIO_API_KEY", ATTIO_TOKEN)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service is waited for: a request that fails three times has failed."""
    monkeypatch.setattr(http_client, "RetryPolicy", lambda: IMPATIENT)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def pipeline(services: Sandbox, tokens: None, instance: dg.DagsterInstance, tmp_path: Path) -> Iterator[Pipeline]:
    here = floor(datetime.now(UTC)) - 12 * HOUR
    with serving(services) as url:
        settings = Settings(
            _env_file=None,
            polar_api_url=url,
            attio_api_url=url,
            polar_requests_per_minute=1e6,
            attio_reads_per_second=1e5,
            attio_writes_per_second=1e5,
            polar_attio_start_date=date(2026, 11, 1),
            polar_attio_database_url=SecretStr(str(tmp_path / "state" / "ledger.db")),
        )
        yield Pipeline(services, settings, instance, here)
