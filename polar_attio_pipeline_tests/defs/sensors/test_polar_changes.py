"""The sensor of changes, tick by tick, on a real instance and a sandbox.

Single ticks in all their cases: `test_changes_ticks`. Its rules: `test_changes_requests`.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine
from pydantic import SecretStr

from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource
from polar_attio_pipeline.defs.run_tags import REASON
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer, Token
from polar_attio_pipeline.sandbox.polar.world import ALL_SCOPES
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline_tests.conftest import Pipeline, evaluate

DATE_SECONDS = 1.1
"""A `Date` says the time to a second. A run begins later than that after the tick that has asked for it."""


class Sensor:
    """Ticks as the daemon does: it keeps the cursor unless a tick is skipped without one."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        settings = self.pipeline.settings
        resource = PolarResource(
            access_token=SecretStr(POLAR_TOKEN), api_url=settings.polar_api_url, requests_per_minute=1e6
        )
        given = dg.build_sensor_context(
            instance=self.pipeline.instance,
            cursor=self.cursor,
            resources={"polar": resource, "ledger": LedgerResource.at(settings.polar_attio_database_url)},
            definitions=self.pipeline.defs,
        )
        with given as context:
            result = evaluate(self.pipeline.defs.resolve_sensor_def("polar_changes"), context)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result

    def asks(self) -> Sequence[dg.RunRequest]:
        """Tick; return the runs that are asked for."""
        result = self.tick()
        assert isinstance(result, dg.SensorResult)
        return result.run_requests or []

    def customers(self) -> set[str]:
        """Tick; return the customers of the one run that is asked for."""
        (request,) = self.asks()
        assert request.job_name == "changed_customer_sync"
        return set(customers_of(request))

    def says(self) -> str:
        """Tick; return why nothing is asked for."""
        result = self.tick()
        skip = result if isinstance(result, dg.SkipReason) else result.skip_reason
        reason = skip.skip_message if isinstance(skip, dg.SkipReason) else skip
        assert reason
        return reason

    def carry_out(self, *, fails: bool = False) -> None:
        """Tick, and run what is asked for to the end that the test expects."""
        (request,) = self.asks()
        assert request.job_name
        self.pipeline.run(request.job_name, tags=request.tags, run_config=request.run_config, fails=fails)


def customers_of(request: dg.RunRequest) -> list[str]:
    config: Any = request.run_config
    found: list[str] = config["ops"]["changed_customers"]["config"]["customers"]
    return found


@pytest.fixture
def synced(pipeline: Pipeline) -> Customer:
    """Ada, long a customer, is in Attio."""
    ada = pipeline.add("ada")
    pipeline.reconcile()
    return ada


@pytest.fixture
def sensor(pipeline: Pipeline, synced: Customer) -> Sensor:
    """Nothing has changed since."""
    sensor = Sensor(pipeline)
    assert sensor.says() == "No customer has changed that has not been read since."
    return sensor


def test_a_rename_reaches_attio_by_one_tick_and_one_run(sensor: Sensor, synced: Customer) -> None:
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")

    sensor.carry_out()

    assert sensor.pipeline.person("ada").values["name"] == "Augusta Byron"
    assert sensor.says() == "No customer has changed that has not been read since."


def test_a_customer_who_changes_again_is_read_again_once(sensor: Sensor, synced: Customer) -> None:
    for name in ("Augusta Byron", "Ada King"):
        sensor.pipeline.sandbox.polar.update_customer(synced.id, name=name)
        sensor.carry_out()
        assert sensor.pipeline.person("ada").values["name"] == name

    assert sensor.says() == "No customer has changed that has not been read since."


def test_what_changed_while_the_daemon_was_down_is_found_however_long_that_was(
    sensor: Sensor, synced: Customer
) -> None:
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=5)):
        assert sensor.customers() == {synced.id}


def test_a_subscription_reaches_attio(sensor: Sensor, synced: Customer) -> None:
    billing = sensor.pipeline.sandbox.polar.billing
    billing.subscribe(synced.id, billing.product("Pro", amount=1900))

    sensor.carry_out()

    values = sensor.pipeline.person("ada").values
    assert (values["polar_status"], values["polar_products"]) == ("Paying", "Pro")


def test_the_person_of_a_deleted_customer_says_so(sensor: Sensor, synced: Customer) -> None:
    sensor.pipeline.sandbox.polar.delete_customer(synced.id)

    sensor.carry_out()

    assert sensor.pipeline.person("ada").values["polar_status"] == "Deleted"
    assert sensor.says() == "No customer has changed that has not been read since."


def test_a_new_customer_is_left_to_its_hour_and_done_with_that(sensor: Sensor) -> None:
    bob = sensor.pipeline.add("bob", created_at=sensor.pipeline.sandbox.polar.clock())
    assert "new ones wait for the run of their hour" in sensor.says()

    sensor.pipeline.sync(12)

    assert sensor.says() == "No customer has changed that has not been read since."
    assert sensor.pipeline.ledger.recorded([bob.id])


def test_a_late_event_behind_the_watermark_is_seen(sensor: Sensor, synced: Customer) -> None:
    polar = sensor.pipeline.sandbox.polar
    bob = sensor.pipeline.add("bob", created_at=polar.clock() - timedelta(minutes=9))
    polar.events.record("subscription.updated", bob.id, dict, timestamp=polar.clock() - timedelta(minutes=5))
    polar.update_customer(synced.id, name="Augusta Byron")
    sensor.carry_out()

    polar.events.record("subscription.updated", bob.id, dict, timestamp=polar.clock() - timedelta(minutes=4))

    assert sensor.customers() == {bob.id}


def test_a_lost_event_is_made_good_by_the_reconciliation(sensor: Sensor, synced: Customer) -> None:
    sensor.pipeline.sandbox.polar.events.rules.lost = 1.0
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")
    assert sensor.says() == "No customer has changed that has not been read since."

    sensor.pipeline.reconcile()

    assert sensor.pipeline.person("ada").values["name"] == "Augusta Byron"


def test_a_run_that_failed_is_asked_for_again_after_a_pause(sensor: Sensor, synced: Customer, impatient: None) -> None:
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")
    sensor.pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503))
    sensor.carry_out(fails=True)
    assert "nothing is asked for before" in sensor.says()

    sensor.pipeline.sandbox.faults.clear()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        (request,) = sensor.asks()

    assert request.tags[REASON] == "retry, 1 changed customer"
    assert customers_of(request) == [synced.id]


def test_very_many_changes_at_once_are_one_reconciliation(pipeline: Pipeline, synced: Customer) -> None:
    pipeline.configure(polar_attio_changes_max=20)
    sensor = Sensor(pipeline)
    sensor.says()
    for number in range(21):
        pipeline.sandbox.polar.update_customer(pipeline.add(f"c{number}").id, name="Another Name")

    (request,) = sensor.asks()
    assert request.job_name == "full_reconciliation"
    assert request.tags[REASON] == "very many customers changed"
    under_way = pipeline.instance.create_run_for_job(
        pipeline.defs.resolve_job_def("full_reconciliation"), status=dg.DagsterRunStatus.STARTED
    )
    assert sensor.says() == "Very many customers changed: a reconciliation is queued or running."
    pipeline.instance.delete_run(under_way.run_id)

    pipeline.reconcile()
    assert sensor.says() == "No customer has changed that has not been read since."


def test_two_ticks_at_once_ask_twice_and_the_second_run_writes_nothing(sensor: Sensor, synced: Customer) -> None:
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")
    other = Sensor(sensor.pipeline)
    other.cursor = sensor.cursor
    first, second = sensor.asks(), other.asks()
    for request in (*first, *second):
        before = sensor.pipeline.writes
        sensor.pipeline.run("changed_customer_sync", tags=request.tags, run_config=request.run_config)

    assert sensor.pipeline.writes == before
    assert sensor.says() == other.says() == "No customer has changed that has not been read since."


def test_a_scope_that_comes_back_finds_what_has_changed_meanwhile(sensor: Sensor, synced: Customer) -> None:
    sensor.pipeline.sandbox.polar.tokens[POLAR_TOKEN] = Token(ALL_SCOPES - {"events:read", "events:write"})
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")
    sensor.says()

    sensor.pipeline.sandbox.polar.tokens[POLAR_TOKEN] = Token(ALL_SCOPES)

    assert sensor.customers() == {synced.id}


@pytest.mark.parametrize("minutes", [-30, 30])
def test_a_change_that_was_read_is_done_also_where_the_clocks_differ(
    sensor: Sensor, synced: Customer, minutes: int
) -> None:
    sensor.pipeline.sandbox.faults.add(Fault(kind=Kind.CLOCK_SKEW, service="polar", skew_minutes=minutes))
    sensor.pipeline.reconcile()
    sensor.says()
    sensor.pipeline.sandbox.polar.update_customer(synced.id, name="Augusta Byron")

    (request,) = sensor.asks()
    time.sleep(DATE_SECONDS)
    sensor.pipeline.run("changed_customer_sync", tags=request.tags, run_config=request.run_config)

    assert sensor.says() == "No customer has changed that has not been read since."
