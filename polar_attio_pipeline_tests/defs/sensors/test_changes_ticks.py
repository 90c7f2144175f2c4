"""Single ticks of the sensor of changes, with what Polar and the ledger are said to answer.

What it reads in them: `test_change_facts`. The rules: `test_changes_requests`. Ticks on a sandbox:
`test_polar_changes`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine

from polar_attio_pipeline.defs.assets.changed_customers import DONE, READ_AT
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.readable_events import EVENTS_FACT, NOT_READABLE, READABLE
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.defs.run_tags import REASON
from polar_attio_pipeline.defs.sensors import change_facts, polar_changes
from polar_attio_pipeline.defs.sensors.changes_cursor import (
    BEGUN_ANEW,
    EVERYTHING,
    ChangesCursor,
    Pending,
    dump,
    load,
)
from polar_attio_pipeline.defs.sensors.changes_requests import HOURS_FIRST
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.polar_changes import build_changes_sensor
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.polar.events import CREATED, Event, Events, NoEvents
from polar_attio_pipeline_tests.defs.sensors.changes_builders import MINUTE, NOW, OVERLAP, SECOND, event
from polar_attio_pipeline_tests.defs.sensors.fakes import (
    GivenLedger,
    config_of,
    evaluated,
    put_ended_run,
    put_run,
    why_nothing,
    why_skipped,
)

REFUSED = FatalError("Polar refused the token.", service="Polar", request="GET /v1/events/")
QUIET = "No customer has changed that has not been read since."


def stored(
    pending: Mapping[str, Pending] | None = None,
    *,
    watermark: datetime = NOW - MINUTE,
    floor: datetime = NOW - MINUTE - OVERLAP,
) -> ChangesCursor:
    return ChangesCursor(watermark, floor, pending=pending or {})


def waiting(*customers: str, at: datetime = NOW - MINUTE, **fields: Any) -> dict[str, Pending]:
    return dict.fromkeys(customers, Pending(at, **fields))


class Tick:
    """A sensor with what it finds, at half past ten unless a test says otherwise.

    Attributes:
        cursor: As it is stored before the tick, and what the tick stores.
        found: What Polar says of its events.
        offset: How far Polar's clock is ahead of ours.
        error: Raised instead, when Polar is read.
        meanwhile: Called while Polar is read.
        since: From when on events were asked for.
    """

    def __init__(self, dagster: dg.DagsterInstance) -> None:
        self.dagster = dagster
        self.cursor: str | None = dump(stored())
        self.found: Events | NoEvents = Events(())
        self.offset = timedelta(0)
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self.since: datetime | None = None
        self.ledger = GivenLedger()
        self.build()

    def build(self, names: Names | None = None, *, overlap_minutes: int = 10, most: int = 5) -> None:
        self.names = names or Names()
        self.sensor = build(self.names, overlap_minutes=overlap_minutes, most=most)

    async def events_since(self, polar: PolarResource, since: datetime) -> tuple[Events | NoEvents, timedelta]:
        assert isinstance(polar, PolarResource)
        self.since = since
        self.meanwhile()
        if self.error:
            raise self.error
        return self.found, self.offset

    def happen(self, *events: Event) -> None:
        self.found = Events(events)

    def store(self, pending: Mapping[str, Pending]) -> None:
        """These customers wait since an earlier tick."""
        self.cursor = dump(stored(pending))

    def succeed(self, *customers: str, at: datetime = NOW) -> None:
        """Put a success for these customers on record."""
        metadata = {READ_AT: dg.TimestampMetadataValue(at.timestamp()), DONE: dg.JsonMetadataValue(list(customers))}
        self.dagster.report_runless_asset_event(dg.AssetMaterialization(self.names.changed.asset, metadata=metadata))

    def run(self, *customers: str) -> dg.DagsterRun:
        """Put a run under way on record."""
        config = {"ops": {self.names.changed.op: {"config": {"customers": list(customers)}}}}
        return put_run(self.dagster, self.names.changed.job, config=config)

    def result(self) -> dg.SensorResult | dg.SkipReason:
        cursor = self.cursor
        result = evaluated(self.sensor, self.dagster, self.names, self.ledger, cursor)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result

    def asks(self) -> dg.RunRequest:
        """Tick; return the one run that is asked for."""
        result = self.result()
        assert isinstance(result, dg.SensorResult)
        assert result.skip_reason is None
        (request,) = result.run_requests or ()
        return request

    def says(self) -> str:
        """Tick; return why nothing is asked for, and keep the cursor."""
        result = self.result()
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        return why_nothing(result)

    def is_skipped(self) -> str:
        """Tick; return why it could not find out what has changed."""
        return why_skipped(self.result())

    @property
    def pending(self) -> Mapping[str, Pending]:
        """Who waits, by the cursor that is stored."""
        cursor, trouble = load(self.cursor, now=NOW + 60 * MINUTE, overlap=OVERLAP)
        assert not trouble
        return cursor.pending


def build(names: Names, *, overlap_minutes: int = 10, most: int = 5, seconds: int = 30) -> dg.SensorDefinition:
    jobs = [dg.define_asset_job(target.job) for target in (names.changed, names.reconciliation)]
    return build_changes_sensor(names, overlap_minutes=overlap_minutes, most=most, seconds=seconds, jobs=jobs)


@pytest.fixture
def tick(dagster: dg.DagsterInstance, half_past_ten: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Nobody waits, and nothing has happened."""
    tick = Tick(dagster)
    monkeypatch.setattr(polar_changes, "events_since", tick.events_since)
    return tick


def test_a_tick_finds_nothing_changed_and_says_so(tick: Tick) -> None:
    before = tick.cursor

    assert tick.says() == QUIET
    assert tick.cursor == before


def test_a_customer_who_changed_is_asked_for_by_id_with_a_reason(tick: Tick) -> None:
    tick.happen(event("ada", at=NOW - SECOND))

    asked = tick.asks()

    assert (asked.run_key, asked.job_name) == (None, "changed_customer_sync")
    assert asked.tags == {REASON: "1 changed customer"}
    assert config_of(asked, "changed_customers") == {"customers": ["ada"], "approve": []}
    assert tick.pending == {"ada": Pending(NOW, asked_at=NOW)}


@pytest.mark.parametrize(
    ("attempts", "customers", "why"),
    [
        (0, ["ada", "bob"], "2 changed customers"),
        (0, ["ada", "bob", "carl"], "3 changed customers"),
        (1, ["ada"], "retry, 1 changed customer"),
        (2, ["ada", "bob"], "retry, 2 changed customers"),
    ],
)
def test_a_run_says_why_it_is_asked_for(tick: Tick, attempts: int, customers: Sequence[str], why: str) -> None:
    tick.store(waiting(*customers, attempts=attempts))

    asked = tick.asks()

    assert asked.tags == {REASON: why}
    assert config_of(asked, "changed_customers")["customers"] == customers


def test_more_than_the_setting_says_are_asked_for_as_a_reconciliation(tick: Tick) -> None:
    tick.build(most=2)
    tick.happen(event("ada"), event("bob"), event("carl"))

    asked = tick.asks()

    assert (asked.run_key, asked.job_name) == (None, "full_reconciliation")
    assert asked.tags == {REASON: "very many customers changed"}
    assert asked.run_config == {}
    assert tick.pending == {EVERYTHING: Pending(NOW, asked_at=NOW)}


def test_as_many_as_the_setting_says_are_asked_for_one_by_one(tick: Tick) -> None:
    tick.build(most=2)
    tick.happen(event("ada"), event("bob"))

    assert config_of(tick.asks(), "changed_customers")["customers"] == ["ada", "bob"]


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
    # Whether events can be read is not known by that.
    assert tick.ledger.facts == {}


def test_an_error_of_the_sensor_itself_is_not_taken_for_one_of_polars(tick: Tick) -> None:
    tick.error = KeyError("a fault")

    with pytest.raises(KeyError):
        tick.result()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            NoEvents.SCOPE,
            "The token in POLAR_ACCESS_TOKEN may not read events, so changes of customers reach Attio by the "
            "reconciliation alone: give the token events:read to have them there within a minute or two.",
        ),
        (
            NoEvents.STORE,
            "Polar answers 500 to the question about its events, and answers others: until that is over, changes of "
            "customers reach Attio by the reconciliation alone. The cursor stays where it is.",
        ),
    ],
)
def test_events_that_cannot_be_read_are_told_of_and_put_on_record(tick: Tick, found: NoEvents, said: str) -> None:
    tick.found = found

    assert tick.is_skipped() == said
    assert tick.ledger.facts == {EVENTS_FACT: NOT_READABLE}


def test_events_that_can_be_read_again_are_put_on_record(tick: Tick) -> None:
    tick.ledger.facts = {EVENTS_FACT: NOT_READABLE}

    tick.says()

    assert tick.ledger.facts == {EVENTS_FACT: READABLE}


@pytest.mark.parametrize(
    ("cursor", "since"),
    [
        (None, NOW - OVERLAP),
        (stored(watermark=NOW - 300 * MINUTE, floor=NOW - 900 * MINUTE), NOW - 300 * MINUTE - OVERLAP),
        (stored(watermark=NOW - 2 * MINUTE, floor=NOW - 3 * MINUTE), NOW - 3 * MINUTE),
        # Polar's clock was ahead of ours: too early costs nothing.
        (stored(watermark=NOW + MINUTE), NOW - OVERLAP),
    ],
)
def test_events_are_read_from_the_watermark_on_and_the_overlap_before(
    tick: Tick, cursor: ChangesCursor | None, since: datetime
) -> None:
    tick.cursor = dump(cursor) if cursor else None

    tick.says()

    assert tick.since == since


def test_how_far_back_events_are_read_is_the_setting_of_the_overlap(tick: Tick) -> None:
    tick.build(overlap_minutes=3)
    tick.cursor = dump(stored(watermark=NOW - MINUTE, floor=NOW - 60 * MINUTE))

    tick.says()

    assert tick.since == NOW - 4 * MINUTE


def test_events_that_the_overlap_reads_again_count_once(tick: Tick) -> None:
    tick.cursor = dump(stored(floor=NOW - 60 * MINUTE))
    tick.happen(event("ada", at=NOW - MINUTE - OVERLAP))
    tick.asks()
    tick.succeed("ada")

    assert tick.says() == QUIET


def test_moments_are_polars(tick: Tick) -> None:
    tick.offset = 5 * MINUTE
    tick.happen(event("ada", at=NOW + 4 * MINUTE))

    tick.asks()

    assert tick.pending == {"ada": Pending(NOW + 5 * MINUTE, asked_at=NOW + 5 * MINUTE)}


def test_what_an_earlier_tick_stored_by_polars_clock_is_kept_by_it(tick: Tick) -> None:
    tick.offset = 5 * MINUTE
    kept = waiting("ada", at=NOW + 4 * MINUTE, asked_at=NOW + 4 * MINUTE)
    tick.store(kept)
    tick.run("ada")

    tick.says()

    assert tick.pending == kept


def test_a_pass_that_has_read_polar_while_the_tick_did_may_have_missed_the_change(
    tick: Tick, half_past_ten: time_machine.Traveller
) -> None:
    tick.meanwhile = lambda: half_past_ten.shift(2 * SECOND)
    tick.happen(event("ada"))
    tick.succeed("ada", at=NOW + SECOND)

    assert config_of(tick.asks(), "changed_customers")["customers"] == ["ada"]
    assert tick.pending["ada"].noticed_at == NOW + 2 * SECOND


def test_a_customer_who_was_read_since_is_done(tick: Tick) -> None:
    tick.store(waiting("ada", "bob", asked_at=NOW - MINUTE))
    tick.run("bob")
    tick.succeed("ada", at=NOW - SECOND)

    assert tick.says() == "1 customer changed: the run under way has to end first."
    assert tick.pending.keys() == {"bob"}


def test_a_run_that_ended_without_having_read_its_customer_has_failed(tick: Tick) -> None:
    tick.store(waiting("ada", asked_at=NOW - MINUTE))
    tick.succeed("ada", at=NOW - 2 * MINUTE)

    assert tick.says() == (
        "What was asked for did not succeed, 1 times in a row; 1 customer changed, and nothing is asked for before "
        "2026-11-01 10:31 UTC. Look at the newest failed run."
    )
    assert tick.pending["ada"].attempts == 1


def test_a_run_that_succeeds_while_the_tick_looks_has_not_failed(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    tick.store(waiting("ada", asked_at=NOW - MINUTE))
    run = tick.run("ada")

    def in_flight(instance: dg.DagsterInstance, names: Names) -> set[str]:
        tick.succeed("ada")
        tick.dagster.delete_run(run.run_id)
        return change_facts.in_flight(instance, names)

    monkeypatch.setattr(polar_changes, "in_flight", in_flight)

    assert tick.says() == QUIET


def test_a_reconciliation_under_way_is_waited_for_where_it_was_asked_for(tick: Tick) -> None:
    tick.store(waiting(EVERYTHING, asked_at=NOW - MINUTE))
    put_run(tick.dagster, "full_reconciliation")

    assert tick.says() == "Very many customers changed: a reconciliation is queued or running."


@pytest.mark.parametrize(("offset", "customers"), [(timedelta(0), set()), (-2 * MINUTE, {"ada"})])
def test_when_a_reconciliation_began_is_compared_by_polars_clock(
    tick: Tick, offset: timedelta, customers: set[str]
) -> None:
    tick.offset = offset
    tick.cursor = dump(stored(waiting("ada", at=NOW - 3 * MINUTE), watermark=NOW - 5 * MINUTE))
    put_ended_run(tick.dagster, "full_reconciliation", began=NOW - 2 * MINUTE)

    tick.result()

    assert tick.pending.keys() == customers


@pytest.mark.parametrize(("known", "customers"), [("ada", set()), ("bob", {"ada"})])
def test_a_new_customer_is_done_when_the_ledger_knows_it(tick: Tick, known: str, customers: set[str]) -> None:
    tick.store(waiting("ada", is_new=True))
    tick.ledger.ids = {known}

    tick.says()

    assert tick.pending.keys() == customers


def test_a_new_customer_is_left_to_the_run_of_its_hour_and_then_asked_for_whatever_is_wrong_with_the_ledger(
    tick: Tick, half_past_ten: time_machine.Traveller
) -> None:
    tick.ledger.error = LedgerError("The ledger is ill.")
    tick.happen(event("ada", name=CREATED))

    assert tick.says() == "1 customer changed: new ones wait for the run of their hour, others for a retry."
    half_past_ten.shift(HOURS_FIRST)
    assert config_of(tick.asks(), "changed_customers")["customers"] == ["ada"]


def test_a_cursor_that_cannot_be_read_is_told_beside_why_nothing_is_asked_for(tick: Tick) -> None:
    tick.cursor = "garbage"

    assert tick.says() == BEGUN_ANEW + QUIET
    assert tick.cursor == dump(ChangesCursor(NOW, NOW - OVERLAP))


def test_a_cursor_that_cannot_be_read_is_a_warning_where_a_run_is_asked_for(
    tick: Tick, capfd: pytest.CaptureFixture[str]
) -> None:
    tick.cursor = "garbage"
    tick.happen(event("ada"))

    tick.asks()

    assert f" - WARNING - {BEGUN_ANEW.strip()}\n" in capfd.readouterr().err


def test_without_trouble_nothing_is_logged(tick: Tick, capfd: pytest.CaptureFixture[str]) -> None:
    tick.happen(event("ada"))

    tick.asks()

    assert "WARNING" not in capfd.readouterr().err


def test_the_sensor_of_one_of_several_pipelines_has_names_of_its_own(tick: Tick) -> None:
    tick.build(Names("acme"))
    tick.happen(event("ada"))

    assert tick.sensor.name == "acme_polar_changes"
    assert tick.sensor.required_resource_keys == {"acme_polar", "acme_ledger"}
    asked = tick.asks()
    assert asked.job_name == "acme_changed_customer_sync"
    assert config_of(asked, "acme__changed_customers")["customers"] == ["ada"]
    tick.succeed("ada")
    assert tick.says() == QUIET


def test_a_reconciliation_of_one_of_several_pipelines_is_asked_for_by_its_name(tick: Tick) -> None:
    tick.build(Names("acme"), most=0)
    tick.happen(event("ada"))

    assert tick.asks().job_name == "acme_full_reconciliation"


def test_it_runs_by_default_as_often_as_the_setting_says_and_tells_what_it_does() -> None:
    sensor = build(Names(), seconds=17)

    assert sensor.name == "polar_changes"
    assert [target.job_name for target in sensor.targets] == ["changed_customer_sync", "full_reconciliation"]
    assert sensor.required_resource_keys == {"polar", "ledger"}
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 17
    assert sensor.description == (
        "Looks at Polar's newest events, one request a tick, and has each customer who changed read anew. Its cursor "
        "holds the customers who wait for that; deleting it leaves these to the reconciliation."
    )
