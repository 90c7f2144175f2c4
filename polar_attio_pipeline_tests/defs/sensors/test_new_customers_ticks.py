"""Single ticks of the sensor of new customers, with what Polar and the ledger are said to answer.

What it reads in them: `test_customer_facts`. The rules: `test_cursor_requests`. Ticks on a sandbox:
`test_new_polar_customers`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
import pytest
import time_machine

from polar_attio_pipeline.defs.assets.attio_people import ABSENT, READ_AT
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.defs.run_tags import HOURS, REASON
from polar_attio_pipeline.defs.sensors import customer_facts, new_polar_customers
from polar_attio_pipeline.defs.sensors.cursor import Cursor, CustomerRef, Waiting, dump, load
from polar_attio_pipeline.defs.sensors.new_polar_customers import (
    CLOCK_TOLERANCE,
    CURSOR_KEPT,
    build_new_customers_sensor,
)
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.telemetry import providers
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import (
    HOUR,
    MINUTE,
    NOW,
    SETTLED,
    START,
    cursor,
    customer,
    failing,
    hour,
    request,
)
from polar_attio_pipeline_tests.defs.sensors.fakes import (
    GivenLedger,
    config_of,
    evaluated,
    put_run,
    why_nothing,
    why_skipped,
)
from polar_attio_pipeline_tests.telemetry.memory import Memory

SECOND = timedelta(seconds=1)
REFUSED = FatalError("Polar refused the token.", service="Polar", request="GET /v1/customers/")
FAILED = failing(since=NOW + SECOND)
NOTHING = "Nothing is missing. Every customer created from 2026-11-01 00:00 to 2026-11-01 08:00 UTC was read, "


class Tick:
    """A sensor with what it finds, at half past ten unless a test says otherwise.

    Attributes:
        cursor: As it is stored before the tick, and what the tick stores.
        newest: Polar's newest customers.
        offset: How far Polar's clock is ahead of ours.
        error: Raised instead, when Polar is read.
    """

    def __init__(self, dagster: dg.DagsterInstance) -> None:
        self.dagster = dagster
        self.cursor: Cursor | None = SETTLED
        self.newest: Sequence[CustomerRef] = ()
        self.offset = timedelta(0)
        self.error: Exception | None = None
        self.ledger = GivenLedger()
        self.build()

    def build(self, names: Names | None = None, *, overlap_hours: int = 2, telemetry: bool = False) -> None:
        self.names = names or Names()
        self.sensor = build_new_customers_sensor(
            self.names, hours_from(START), overlap_hours=overlap_hours, seconds=30, telemetry=telemetry
        )

    async def newest_customers(self, polar: PolarResource) -> tuple[Sequence[CustomerRef], timedelta]:
        assert isinstance(polar, PolarResource)
        if self.error:
            raise self.error
        return self.newest, self.offset

    def succeed(self, *hours: int, at: datetime = NOW, absent: Sequence[str] = ()) -> None:
        """Put a success of each of these hours on record."""
        metadata = {READ_AT: dg.TimestampMetadataValue(at.timestamp()), ABSENT: dg.JsonMetadataValue(list(absent))}
        for number in hours:
            self.dagster.report_runless_asset_event(
                dg.AssetMaterialization(self.names.people.asset, partition=key(hour(number)), metadata=metadata)
            )

    def run(self, *hours: int) -> dg.DagsterRun:
        """Put a run under way on record."""
        return put_run(self.dagster, self.names.people.job, tags=range_tags(hour(hours[0]), hour(hours[-1])))

    def result(self) -> dg.SensorResult | dg.SkipReason:
        cursor = dump(self.cursor) if self.cursor else None
        result = evaluated(self.sensor, self.dagster, self.names, self.ledger, cursor)
        if isinstance(result, dg.SensorResult):
            self.cursor = load(result.cursor, start=START, now=NOW + 48 * HOUR)
        return result

    def asks(self) -> list[dg.RunRequest]:
        """Tick; return the runs that are asked for."""
        result = self.result()
        assert isinstance(result, dg.SensorResult)
        return list(result.run_requests or ())

    def says(self) -> str:
        """Tick; return why nothing is asked for, and keep the cursor."""
        return why_nothing(self.result())

    def is_skipped(self) -> str:
        """Tick; return why it could not find out what is new."""
        return why_skipped(self.result())


@pytest.fixture
def tick(dagster: dg.DagsterInstance, half_past_ten: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """All is well: hours 8 and 9 were read once they were over, and those before for good."""
    tick = Tick(dagster)
    monkeypatch.setattr(new_polar_customers, "newest_customers", tick.newest_customers)
    tick.succeed(8, 9, at=hour(10) + MINUTE)
    return tick


def test_a_tick_finds_nothing_missing_and_says_so(tick: Tick) -> None:
    assert tick.says() == f"{NOTHING}and is in Attio or listed by the check every_customer_is_in_attio."
    assert tick.cursor == SETTLED


def test_a_new_customer_has_its_hour_asked_for_with_its_id_and_a_reason(tick: Tick) -> None:
    tick.newest = [customer(1, NOW - MINUTE)]

    (asked,) = tick.asks()

    assert asked.run_key is None
    assert asked.tags == {
        **range_tags(hour(10), hour(10)),
        REASON: "1 new customer",
        HOURS: "Nov 01, 10-11 UTC",
    }
    assert config_of(asked, "attio_people") == {"retry_unresolved": True, "expected": ["customer-1"], "approve": []}
    assert tick.cursor is not None
    assert tick.cursor.requests == (request(10),)


@pytest.mark.parametrize(
    ("stored", "newest", "why"),
    [
        (SETTLED, [customer(1, NOW - MINUTE), customer(2, NOW - HOUR)], "2 new customers: Nov 01, 09-11 UTC"),
        (cursor(7), [], "not read in time: Nov 01, 07-08 UTC"),
        (cursor(8, failing={9: FAILED}), [], "retry of a failed hour: Nov 01, 09-10 UTC"),
        (cursor(8, failing={9: FAILED, 10: FAILED}), [], "retry of 2 failed hours: Nov 01, 09-11 UTC"),
        # Whom an hour is known to lack does not make it a new one.
        (
            cursor(8, waiting={10: Waiting(NOW, frozenset({"a"}))}, failing={10: FAILED}),
            [],
            "retry of a failed hour: Nov 01, 10-11 UTC",
        ),
    ],
)
def test_a_run_says_why_it_is_asked_for_and_for_which_hours(
    tick: Tick, half_past_ten: time_machine.Traveller, stored: Cursor, newest: Sequence[CustomerRef], why: str
) -> None:
    half_past_ten.shift(SECOND)
    tick.cursor, tick.newest = stored, newest

    (asked,) = tick.asks()

    assert f"{asked.tags[REASON]}: {asked.tags[HOURS]}" == why


def test_several_ranges_are_a_run_each(tick: Tick) -> None:
    tick.cursor, tick.newest = cursor(7), [customer(1, NOW - MINUTE)]

    assert [config_of(asked, "attio_people")["expected"] for asked in tick.asks()] == [["customer-1"], []]
    assert tick.cursor.requests == (request(10), request(7))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (REFUSED, "Polar refused the token."),
        (TimeoutError(), "Polar did not answer in time."),
    ],
)
def test_a_polar_that_cannot_be_read_is_told_and_leaves_the_cursor(tick: Tick, error: Exception, said: str) -> None:
    tick.error = error

    assert tick.is_skipped() == f"{said} {CURSOR_KEPT}"


def test_an_error_of_the_sensor_itself_is_not_taken_for_one_of_polars(tick: Tick) -> None:
    tick.error = KeyError("a fault")

    with pytest.raises(KeyError):
        tick.result()


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (CLOCK_TOLERANCE + SECOND, "10 minutes behind Polar's"),
        (timedelta(minutes=90), "90 minutes behind Polar's"),
        (-CLOCK_TOLERANCE - SECOND, "10 minutes ahead of Polar's"),
    ],
)
def test_a_clock_that_is_off_is_told_and_leaves_the_cursor(tick: Tick, offset: timedelta, said: str) -> None:
    tick.offset = offset

    assert tick.is_skipped() == (
        f"This machine's clock is {said}: set it right, or hours would be closed at the wrong time. The cursor stays "
        "where it is."
    )


@pytest.mark.parametrize("offset", [CLOCK_TOLERANCE, -CLOCK_TOLERANCE])
def test_a_clock_that_is_hardly_off_is_put_up_with(tick: Tick, offset: timedelta) -> None:
    tick.offset = offset

    assert NOTHING in tick.says()


def test_moments_are_polars(tick: Tick) -> None:
    tick.offset = 5 * MINUTE
    tick.newest = [customer(1, NOW)]

    tick.asks()

    assert tick.cursor is not None
    assert tick.cursor.requests == (request(10, at=NOW + 5 * MINUTE),)
    assert tick.cursor.waiting == {hour(10): Waiting(NOW + 5 * MINUTE, frozenset({"customer-1"}))}


def test_what_an_earlier_tick_stored_by_polars_clock_is_kept_by_it(tick: Tick) -> None:
    tick.offset = 5 * MINUTE
    tick.run(10)
    tick.cursor = cursor(8, requests=[request(10, at=NOW + 4 * MINUTE)])

    tick.result()

    assert tick.cursor.requests == (request(10, at=NOW + 4 * MINUTE),)


@pytest.mark.parametrize(("created_at", "asked"), [(hour(11) - SECOND, 1), (hour(11), 0)])
def test_a_customer_of_an_hour_that_this_machine_has_not_reached_waits_for_it(
    tick: Tick, half_past_ten: time_machine.Traveller, created_at: datetime, asked: int
) -> None:
    tick.offset = 5 * MINUTE
    half_past_ten.move_to(hour(11) - MINUTE)
    tick.newest = [customer(1, created_at)]

    assert len(tick.asks()) == asked


def test_without_a_cursor_it_begins_at_the_first_hour(tick: Tick) -> None:
    tick.cursor = None
    tick.succeed(0, 1, at=hour(4))

    assert [asked.tags[HOURS] for asked in tick.asks()] == ["Nov 01, 02-08 UTC"]


@pytest.mark.parametrize(
    ("number", "stored", "newest"), [(10, SETTLED, [customer(1, NOW - MINUTE)]), (7, cursor(7), [])]
)
def test_hours_of_a_run_under_way_are_not_asked_for(
    tick: Tick, number: int, stored: Cursor, newest: Sequence[CustomerRef]
) -> None:
    tick.run(number)
    tick.cursor, tick.newest = stored, newest

    assert tick.says() == "What is missing is already asked for and under way."


@pytest.mark.parametrize(("overlap", "asked"), [(1, 0), (2, 1)])
def test_how_far_back_a_customer_may_appear_is_the_overlap(tick: Tick, overlap: int, asked: int) -> None:
    tick.build(overlap_hours=overlap)
    tick.newest = [customer(1, hour(8))]

    assert len(tick.asks()) == asked


def read_in_hour_9(tick: Tick, *, absent: Sequence[str] = ()) -> None:
    """Customers a and b were seen in hour 9, and a success has read Polar since."""
    tick.cursor = cursor(8, waiting={9: Waiting(NOW - MINUTE, frozenset({"a", "b"}))}, seen=["a", "b"])
    tick.succeed(9, absent=absent)


def test_an_hour_is_done_when_the_ledger_or_polars_absence_accounts_for_each_of_its_customers(tick: Tick) -> None:
    read_in_hour_9(tick, absent=["b"])
    tick.ledger.ids = {"a"}

    assert NOTHING in tick.says()
    assert tick.cursor is not None
    assert tick.cursor.waiting == {}


def test_an_hour_that_lacks_one_of_its_customers_has_failed(tick: Tick) -> None:
    read_in_hour_9(tick)
    tick.ledger.ids = {"a"}

    assert tick.says().startswith("Not done, because they failed: 2026-11-01 09:00 UTC;")
    assert tick.cursor is not None
    assert tick.cursor.waiting[hour(9)].ids == {"b"}


def test_a_ledger_that_cannot_be_asked_is_told_beside_why_nothing_is_asked_for(tick: Tick) -> None:
    read_in_hour_9(tick)
    tick.ledger.error = LedgerError("The ledger is ill.")

    said = tick.says()

    assert said.startswith(NOTHING)
    assert said.endswith(
        "every_customer_is_in_attio. The ledger could not be asked which customers it knows (LedgerError), so an hour "
        "counts as done when it was read: run `polar-attio doctor`."
    )


def test_a_ledger_that_cannot_be_asked_is_a_warning_where_runs_are_asked_for(
    tick: Tick, capfd: pytest.CaptureFixture[str]
) -> None:
    read_in_hour_9(tick)
    tick.newest = [customer(1, NOW - MINUTE)]
    tick.ledger.error = LedgerError("The ledger is ill.")

    assert len(tick.asks()) == 1

    assert " - WARNING - The ledger could not be asked which customers it knows (LedgerError)" in capfd.readouterr().err


def test_without_trouble_nothing_is_logged(tick: Tick, capfd: pytest.CaptureFixture[str]) -> None:
    tick.newest = [customer(1, NOW - MINUTE)]

    tick.asks()

    assert "WARNING" not in capfd.readouterr().err


def test_a_run_that_succeeds_while_the_tick_looks_has_not_failed(tick: Tick) -> None:
    run = tick.run(10)
    tick.cursor = cursor(8, waiting={10: Waiting(NOW - MINUTE, frozenset({"a"}))}, seen=["a"], requests=[request(10)])

    def succeed() -> None:
        tick.succeed(10)
        tick.dagster.delete_run(run.run_id)

    tick.ledger.before = succeed

    assert tick.says() == "What is missing is already asked for and under way."
    assert tick.cursor.failing == {}
    assert tick.cursor.streak == 0


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    kept = Memory()
    monkeypatch.setattr(providers, "providers", lambda: kept.providers)
    return kept


@pytest.mark.parametrize(
    ("stored", "open_hours"),
    [
        (cursor(8), 0),
        # Hours 6 and 7 were not read, and hour 5 before it was over.
        (cursor(5), 3),
        (cursor(8, failing={3: failing(retry=NOW + MINUTE), 10: failing(retry=NOW + MINUTE)}), 2),
        # A failing hour that was not read counts once.
        (cursor(7, failing={7: failing(retry=NOW + MINUTE)}), 1),
        # Hour 9 was read since it failed.
        (cursor(8, failing={9: failing(since=hour(10), retry=NOW + MINUTE)}), 0),
    ],
)
def test_the_gauges_count_the_hours_that_are_over_and_not_read_since_and_those_that_fail(
    tick: Tick, memory: Memory, stored: Cursor, open_hours: int
) -> None:
    tick.build(telemetry=True)
    tick.cursor = stored
    tick.succeed(5, at=hour(6) - SECOND)

    tick.result()

    assert memory.points("polar_attio.hours.open") == [({}, open_hours)]


def test_polars_clock_says_which_hours_are_over_and_a_success_of_them_is_found_behind_newer_ones(
    tick: Tick, half_past_ten: time_machine.Traveller, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_facts, "RECENT", 1)
    tick.build(telemetry=True)
    half_past_ten.move_to(hour(11) - MINUTE)
    tick.offset = 5 * MINUTE
    tick.succeed(10, at=hour(11) + MINUTE)
    tick.succeed(1)

    tick.result()

    assert memory.points("polar_attio.hours.open") == [({}, 0)]


def test_the_gauges_say_how_old_the_watermark_is_after_the_tick_and_of_which_pipeline(
    tick: Tick, memory: Memory
) -> None:
    tick.build(Names("acme"), telemetry=True)
    tick.succeed(6, 7, 8, 9)
    tick.cursor = cursor(6)
    tick.offset = MINUTE

    tick.result()

    pipeline = {"polar_attio.pipeline": "acme"}
    assert memory.points("polar_attio.watermark.age") == [(pipeline, (NOW + MINUTE - hour(8)).total_seconds())]


def test_without_the_setting_there_are_no_gauges(tick: Tick, memory: Memory) -> None:
    tick.build()
    tick.result()

    assert memory.points("polar_attio.hours.open") == []


def test_the_sensor_of_one_of_several_pipelines_has_names_of_its_own(tick: Tick) -> None:
    tick.build(Names("acme"))
    tick.succeed(8, 9)
    tick.newest = [customer(1, NOW - MINUTE)]

    assert tick.sensor.name == "acme_new_polar_customers"
    assert tick.sensor.job_name == "acme_customer_sync"
    assert tick.sensor.required_resource_keys == {"acme_polar", "acme_ledger"}
    (asked,) = tick.asks()
    assert config_of(asked, "acme__attio_people")["expected"] == ["customer-1"]


def test_it_runs_by_default_as_often_as_the_setting_says_and_tells_what_it_does() -> None:
    sensor = build_new_customers_sensor(Names(), hours_from(START), overlap_hours=2, seconds=17, telemetry=False)

    assert sensor.name == "new_polar_customers"
    assert sensor.job_name == "customer_sync"
    assert sensor.required_resource_keys == {"polar", "ledger"}
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 17
    assert sensor.description == (
        "Looks at Polar's newest customers, one request a tick. Its cursor says up to when every customer was read, "
        "and which hours fail; deleting it costs one more look and nothing else."
    )
