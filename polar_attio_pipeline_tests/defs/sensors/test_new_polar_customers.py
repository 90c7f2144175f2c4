"""The sensor of new customers, tick by tick, on a real instance and a sandbox. The rules it follows: `test_cursor`."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from pydantic import SecretStr

from polar_attio_pipeline.defs.assets.attio_people import ABSENT, READ_AT
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource
from polar_attio_pipeline.defs.run_tags import HOURS, REASON
from polar_attio_pipeline.defs.sensors import customer_facts, on_record
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline_tests.conftest import CUSTOMERS, PEOPLE, Pipeline, evaluate

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = START + timedelta(hours=10, minutes=30)


@pytest.fixture
def clock(tokens: None) -> Iterator[time_machine.Traveller]:
    """It is half past ten on the first day, and stays so until a test says otherwise."""
    with time_machine.travel(NOW, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def sensor(clock: time_machine.Traveller, pipeline: Pipeline) -> "Sensor":
    """All hours that have ended are done; the book is empty."""
    pipeline.configure(polar_attio_start_date=date(2026, 11, 1))
    sensor = Sensor(pipeline, clock)
    for number in range(10):
        sensor.succeed(number)
    return sensor


class Sensor:
    """Ticks as the daemon does: it keeps the cursor unless a tick is skipped without one."""

    def __init__(self, pipeline: Pipeline, clock: time_machine.Traveller) -> None:
        self.pipeline = pipeline
        self.polar = pipeline.sandbox.polar
        self.instance = pipeline.instance
        self.clock = clock
        self.cursor: str | None = None
        self._definition = pipeline.defs.resolve_sensor_def("new_polar_customers")

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        resource = PolarResource(
            access_token=SecretStr(POLAR_TOKEN), api_url=self.pipeline.settings.polar_api_url, requests_per_minute=1e6
        )
        ledger = LedgerResource.at(self.pipeline.settings.polar_attio_database_url)
        given = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"polar": resource, "ledger": ledger},
            definitions=self.pipeline.defs,
        )
        with given as context:
            result = evaluate(self._definition, context)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result

    def asks(self) -> list[Mapping[str, str]]:
        """Tick; return the tags of the runs that are asked for."""
        result = self.tick()
        assert isinstance(result, dg.SensorResult)
        return [for_dagster(request.tags) for request in result.run_requests or []]

    def reasons(self) -> list[str]:
        """Tick; return what people are told of the runs that are asked for."""
        result = self.tick()
        assert isinstance(result, dg.SensorResult)
        return [f"{request.tags[REASON]}: {request.tags[HOURS]}" for request in result.run_requests or []]

    def skips(self) -> str:
        """Tick; return why nothing is asked for."""
        result = self.tick()
        skip = result if isinstance(result, dg.SkipReason) else result.skip_reason
        reason = skip.skip_message if isinstance(skip, dg.SkipReason) else skip
        assert reason
        return reason

    def succeed(
        self, number: int, *, read_at: datetime = NOW, outcomes: Sequence[Customer] = (), absent: Sequence[str] = ()
    ) -> None:
        """Put a success of an hour on record, with outcomes of these customers."""
        found = [Outcome(one.id, one.email, Result.CREATED, created_at=one.created_at) for one in outcomes]
        self.pipeline.ledger.set_fact("is", "there")
        self.pipeline.ledger.record(found, pass_id="a run")
        metadata = {READ_AT: dg.TimestampMetadataValue(read_at.timestamp()), ABSENT: dg.JsonMetadataValue(list(absent))}
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(PEOPLE, partition=key(START + number * HOUR), metadata=metadata)
        )

    def run(
        self,
        tags: Mapping[str, str],
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
        job: str = "customer_sync",
    ) -> dg.DagsterRun:
        """Put a run on record."""
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
        return self.instance.create_run_for_job(
            self.pipeline.defs.resolve_job_def(job),
            tags=dict(tags),
            status=status,
            remote_job_origin=RemoteJobOrigin(repository, job),
            job_code_origin=JobPythonOrigin(job, RepositoryPythonOrigin("python", ModuleCodePointer("here", "defs"))),
        )

    def buy(self, name: str, *, ago: timedelta = timedelta(0)) -> Customer:
        return self.polar.add_customer(email=f"{name}@example.com", name=name, created_at=datetime.now(UTC) - ago)


def for_dagster(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name.startswith("dagster/")}


def hours(first: int, last: int | None = None) -> dict[str, str]:
    return range_tags(START + first * HOUR, START + (first if last is None else last) * HOUR)


def test_a_quiet_tick_costs_one_request_to_polar_and_says_that_nothing_is_missing(sensor: Sensor) -> None:
    sensor.tick()
    sensor.pipeline.sandbox.traffic.reset()

    assert "Nothing is missing" in sensor.skips()

    assert sensor.pipeline.sandbox.traffic.count() == 1
    assert sensor.pipeline.sandbox.traffic.count(service="polar", route="/v1/customers/") == 1


def test_a_new_customer_has_the_running_hour_asked_for_in_the_same_tick(sensor: Sensor) -> None:
    sensor.tick()
    ada = sensor.buy("ada")

    result = sensor.tick()

    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert for_dagster(request.tags) == hours(10)
    assert request.run_key is None
    config = request.run_config["ops"]["attio_people"]["config"]
    assert config == {"retry_unresolved": True, "expected": [ada.id], "approve": []}
    assert sensor.pipeline.sandbox.traffic.count(service="polar", route="/v1/organizations/") == 0


def test_a_run_says_why_it_was_asked_for_and_for_which_hours(sensor: Sensor) -> None:
    assert sensor.reasons() == []
    sensor.buy("ada")
    sensor.buy("bob")
    assert sensor.reasons() == ["2 new customers: Nov 01, 10-11 UTC"]


def test_a_run_for_hours_that_were_missed_says_so(pipeline: Pipeline, clock: time_machine.Traveller) -> None:
    assert Sensor(pipeline, clock).reasons() == ["not read in time: Nov 01, 00-10 UTC"]


def test_what_it_asks_for_brings_the_customer_and_then_it_is_quiet(sensor: Sensor) -> None:
    sensor.buy("ada")
    (tags,) = sensor.asks()
    sensor.clock.shift(20)

    sensor.pipeline.run("customer_sync", tags=tags)

    assert sensor.pipeline.names() == {"ada"}
    assert "Nothing is missing" in sensor.skips()


def test_a_customer_who_appears_late_is_found_by_the_next_tick(sensor: Sensor) -> None:
    row = sensor.polar.add_customer(
        email="late@example.com", name="Late", created_at=NOW - timedelta(minutes=50), visible_in=None
    )
    assert sensor.asks() == []

    sensor.clock.shift(30)
    sensor.polar.commit(row.id)

    assert sensor.asks() == [hours(9)]


@pytest.mark.parametrize(("overlap", "asked"), [(2, 0), (4, 1)])
def test_how_late_a_customer_may_appear_is_the_setting_of_the_overlap(
    pipeline: Pipeline, clock: time_machine.Traveller, overlap: int, asked: int
) -> None:
    pipeline.configure(polar_attio_start_date=date(2026, 11, 1), polar_attio_overlap_hours=overlap)
    sensor = Sensor(pipeline, clock)
    for number in range(10):
        sensor.succeed(number)
    clock.shift(30)
    sensor.buy("late", ago=4 * HOUR)

    assert sensor.asks() == [hours(6)][:asked]


def test_hours_that_an_outage_left_are_asked_for_in_one_range(sensor: Sensor) -> None:
    sensor.tick()
    sensor.clock.shift(6 * HOUR)

    # Hours 8 and 9 were read before their overlap had passed, hours 10 to 15 not at all.
    assert sensor.asks() == [hours(8, 15)]


def test_without_any_success_it_begins_at_the_first_hour(clock: time_machine.Traveller, pipeline: Pipeline) -> None:
    assert Sensor(pipeline, clock).asks() == [hours(0, 9)]


def test_losing_dagsters_database_costs_reading_again_and_no_write(sensor: Sensor) -> None:
    sensor.buy("ada", ago=3 * HOUR)
    sensor.pipeline.run("customer_sync", tags=hours(7))
    writes = sensor.pipeline.writes
    with dg.DagsterInstance.ephemeral() as empty:
        sensor.pipeline.instance = empty
        anew = Sensor(sensor.pipeline, sensor.clock)

        (tags,) = anew.asks()
        assert tags == hours(0, 9)
        sensor.clock.shift(20)
        sensor.pipeline.run("customer_sync", tags=tags)

        assert "Nothing is missing" in anew.skips()
    assert sensor.pipeline.writes == writes > 0


def test_a_success_is_counted_by_when_polar_was_read_for_it(sensor: Sensor) -> None:
    sensor.succeed(9, read_at=START + timedelta(hours=9, minutes=59))

    assert sensor.asks() == [hours(9)]


def test_a_success_that_does_not_say_when_polar_was_read_does_not_count(sensor: Sensor) -> None:
    reported = dg.AssetMaterialization(PEOPLE, partition=key(START + 9 * HOUR))
    sensor.instance.report_runless_asset_event(reported)

    assert sensor.asks() == [hours(9)]


def test_the_hour_of_a_run_launched_for_one_partition_is_not_asked_for(sensor: Sensor) -> None:
    sensor.run({"dagster/partition": key(NOW)})
    sensor.buy("ada")

    assert sensor.asks() == []


def test_a_run_of_polar_customers_alone_brings_nobody_to_attio(sensor: Sensor) -> None:
    job = sensor.pipeline.defs.resolve_job_def("customer_sync")
    sensor.instance.create_run_for_job(
        job, tags=hours(10), status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({CUSTOMERS})
    )
    sensor.buy("ada")

    assert sensor.asks() == [hours(10)]


def test_runs_of_other_code_locations_do_not_matter_however_they_cut_their_partitions(sensor: Sensor) -> None:
    sensor.run({"dagster/partition": "2026-11-01"}, job="full_reconciliation")
    sensor.buy("ada")

    assert sensor.asks() == [hours(10)]


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")  # in Dagster's own making of one
def test_hours_that_a_backfill_has_still_to_run_are_not_asked_for(sensor: Sensor) -> None:
    sensor.clock.shift(6 * HOUR)
    for number in (8, 9):
        sensor.succeed(number, read_at=datetime.now(UTC))
    sensor.instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id="from-the-ui",
            asset_graph=sensor.pipeline.defs.resolve_asset_graph(),
            partition_names=[key(START + number * HOUR) for number in range(10, 14)],
            asset_selection=[CUSTOMERS, PEOPLE],
            backfill_timestamp=datetime.now(UTC).timestamp(),
            tags={},
            dynamic_partitions_store=sensor.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )

    assert sensor.asks() == [hours(14, 15)]


def test_a_failed_run_is_followed_by_a_pause_that_says_why_and_then_by_another_try(sensor: Sensor) -> None:
    sensor.buy("ada")
    (tags,) = sensor.asks()
    sensor.run(tags, dg.DagsterRunStatus.FAILURE)
    sensor.clock.shift(30)

    reason = sensor.skips()

    assert "did not succeed" in reason
    assert "Look at the newest failed run." in reason
    sensor.clock.shift(60)
    assert sensor.asks() == [tags]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind=Kind.STATUS, service="polar"), "Polar is failing (503"),
        (Fault(kind=Kind.RESET, service="polar"), "Polar gave no whole answer"),
        (Fault(kind=Kind.TOO_MANY, service="polar", retry_after_seconds=60), "Polar keeps throttling"),
        (Fault(kind=Kind.REVOKED, service="polar"), "set POLAR_ACCESS_TOKEN"),
    ],
)
def test_while_polar_is_down_the_tick_says_so_and_the_cursor_stays(sensor: Sensor, fault: Fault, said: str) -> None:
    sensor.tick()
    before = sensor.cursor
    sensor.buy("ada")
    number = sensor.pipeline.sandbox.faults.add(fault)

    reason = sensor.skips()

    assert said in reason
    assert reason.endswith(CURSOR_KEPT)
    assert sensor.cursor == before
    sensor.pipeline.sandbox.faults.remove(number)
    assert sensor.asks() == [hours(10)]


def test_a_polar_that_does_not_answer_ends_the_tick_in_time(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_facts, "TICK_SECONDS", 0.2)
    sensor.pipeline.sandbox.faults.add(Fault(kind=Kind.HANG, service="polar"))

    assert sensor.skips() == "Polar did not answer in time. The cursor stays where it is."


@pytest.mark.parametrize(("minutes", "said"), [(20, "20 minutes behind Polar's"), (-20, "20 minutes ahead of Polar's")])
def test_a_clock_that_is_off_is_told_and_nothing_is_concluded(sensor: Sensor, minutes: int, said: str) -> None:
    sensor.tick()
    before = sensor.cursor
    sensor.buy("ada")
    sensor.pipeline.sandbox.faults.add(Fault(kind=Kind.CLOCK_SKEW, service="polar", skew_minutes=minutes))

    assert said in sensor.skips()
    assert sensor.cursor == before


def test_a_customer_of_an_hour_that_this_machine_has_not_reached_waits_for_it(sensor: Sensor) -> None:
    sensor.clock.move_to(START + timedelta(hours=10, minutes=59, seconds=58))
    sensor.buy("ada", ago=timedelta(seconds=-5))

    assert sensor.asks() == []
    sensor.clock.shift(5)
    assert sensor.asks() == [hours(11)]


def test_an_hour_whose_success_left_out_a_customer_that_was_seen_in_it_is_asked_for_again(sensor: Sensor) -> None:
    ada, grace = sensor.buy("ada"), sensor.buy("grace")
    sensor.tick()
    sensor.clock.shift(60)
    sensor.succeed(10, read_at=NOW + timedelta(seconds=30), outcomes=[ada])
    assert "they failed: 2026-11-01 10:00" in sensor.skips()
    sensor.clock.shift(61)

    result = sensor.tick()

    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert for_dagster(request.tags) == hours(10)
    assert request.run_config["ops"]["attio_people"]["config"]["expected"] == [grace.id]


def test_a_customer_that_the_pass_found_to_be_absent_from_polar_is_not_waited_for(sensor: Sensor) -> None:
    ada = sensor.buy("ada")
    sensor.tick()
    sensor.clock.shift(60)
    sensor.succeed(10, read_at=NOW + timedelta(seconds=30), absent=[ada.id])

    assert "Nothing is missing" in sensor.skips()


def test_while_the_ledger_cannot_be_read_an_hour_is_done_when_it_was_read_and_the_message_says_so(
    sensor: Sensor,
) -> None:
    sensor.buy("ada")
    sensor.tick()
    sensor.clock.shift(60)
    sensor.succeed(10, read_at=NOW + timedelta(seconds=30))
    file = Path(sensor.pipeline.settings.polar_attio_database_url.get_secret_value())
    file.write_bytes(b"this is no database" * 1000)

    reason = sensor.skips()

    assert "Nothing is missing" in reason
    assert "The ledger could not be asked which customers it knows (LedgerError)" in reason


def test_a_ledger_that_does_not_answer_does_not_hold_up_the_tick(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.buy("ada")
    sensor.tick()
    answered = threading.Event()
    monkeypatch.setattr(on_record, "LEDGER_SECONDS", 0.05)
    monkeypatch.setattr(Ledger, "recorded", lambda *_: answered.wait(30))

    assert "(TimeoutError)" in sensor.skips()
    answered.set()


def test_a_tag_that_names_no_hour_does_not_stop_the_sensor(sensor: Sensor) -> None:
    run = sensor.run(hours(10))
    sensor.instance.add_run_tags(run.run_id, dict.fromkeys(hours(10), "yesterday"))
    sensor.buy("ada")

    assert sensor.asks() == [hours(10)]


def test_an_hour_that_fails_while_others_succeed_is_left_alone_for_a_while_and_the_others_go_on(
    sensor: Sensor,
) -> None:
    sensor.buy("ada")
    (tags,) = sensor.asks()
    sensor.run(tags, dg.DagsterRunStatus.FAILURE)
    sensor.clock.shift(30)
    sensor.succeed(9, read_at=datetime.now(UTC))
    assert "they failed: 2026-11-01 10:00 UTC; the next of them is asked for after 2026-11-01 10:31" in sensor.skips()

    sensor.clock.shift(HOUR)
    sensor.buy("grace")
    assert hours(11) in sensor.asks()


@pytest.mark.parametrize("cursor", [None, "garbage", '{"version": 0}'])
def test_losing_the_cursor_costs_one_look_at_the_newest_hours_and_nothing_else(
    sensor: Sensor, cursor: str | None
) -> None:
    ada = sensor.buy("ada")
    sensor.tick()
    sensor.clock.shift(60)
    sensor.succeed(10, read_at=NOW + timedelta(seconds=30), outcomes=[ada])
    assert sensor.asks() == []

    sensor.cursor = cursor

    assert sensor.asks() == [hours(10)]
    sensor.clock.shift(60)
    sensor.succeed(10, read_at=NOW + timedelta(seconds=90))
    assert sensor.asks() == []


def test_the_stored_cursor_holds_no_names_and_no_addresses(sensor: Sensor) -> None:
    sensor.buy("ada")
    sensor.tick()

    assert sensor.cursor is not None
    assert "ada" not in sensor.cursor
    assert json.loads(sensor.cursor)["version"] == 2
