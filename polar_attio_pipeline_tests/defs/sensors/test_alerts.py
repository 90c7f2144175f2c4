"""The sensor that tells people, tick by tick, on a real instance, a sandbox and real receivers."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine
from pydantic import SecretStr

from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors import announcing, hour_states, ledger_states
from polar_attio_pipeline.defs.sensors.alert_cursor import AlertCursor, dump
from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.approvals import approve
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result, unreadable
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.conftest import PEOPLE, RECONCILIATION, Pipeline, evaluate
from polar_attio_pipeline_tests.receiver import Receiver, receiving

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
UI = "https://dagster.example.com"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time; what a channel that never answers costs is shown in `test_channels`."""
    monkeypatch.setattr(announcing, "CHANNEL_SECONDS", 60)


@pytest.fixture
def channels() -> Iterator[list[Receiver]]:
    with ExitStack() as open_ones:
        yield [open_ones.enter_context(receiving()) for _ in range(2)]


@pytest.fixture
def watch(pipeline: Pipeline, impatient: None, channels: list[Receiver]) -> "Watch":
    """All is well: every hour that could be overdue is done."""
    now = floor(datetime.now(UTC))
    start = (now - DAY).replace(hour=0)
    watch = Watch(pipeline, channels, start)
    watch.succeed(*between(start, now - 3 * HOUR))
    return watch


@pytest.fixture
def simulated(
    tokens: None, pipeline: Pipeline, channels: list[Receiver]
) -> Iterator[tuple["Watch", time_machine.Traveller]]:
    """It is midnight of the third day, and every hour before is done."""
    with time_machine.travel(START + 2 * DAY, tick=False) as clock:
        watch = Watch(pipeline, channels[:1], START)
        watch.succeed(*between(START, START + 2 * DAY - HOUR))
        yield watch, clock


class Watch:
    """Ticks as the daemon does."""

    def __init__(self, pipeline: Pipeline, channels: list[Receiver], start: datetime) -> None:
        self.pipeline = pipeline
        self.instance = pipeline.instance
        self.channels = channels
        self.cursor: str | None = None
        self.configure(start.date())
        self.begin()

    def configure(self, start: date, **changes: Any) -> None:
        self.start = start
        self.pipeline.configure(
            polar_attio_start_date=start,
            polar_attio_dagster_url=UI,
            polar_attio_alert_urls=SecretStr(" ".join(channel.url for channel in self.channels)),
            **changes,
        )
        self._definition = self.pipeline.defs.resolve_sensor_def("alerts")

    def begin(self, *, ago: timedelta = DAY / 2) -> None:
        """Begin to watch, some time ago, and remember nothing of the hours since then."""
        start = datetime.combine(self.start, time(), UTC)
        self.cursor = dump(AlertCursor(datetime.now(UTC) - ago, start, start))

    def tick(self) -> str:
        """Tick; return what the UI says of it."""
        given = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={
                "ledger": LedgerResource.at(self.pipeline.settings.polar_attio_database_url),
                "options": PassOptions(),
            },
            definitions=self.pipeline.defs,
        )
        with given as context:
            result = evaluate(self._definition, context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        reason = (
            result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else result.skip_reason
        )
        # The sensors of new customers, of changes and of the services are never evaluated here.
        said = (reason or "").replace(", new_polar_customers, polar_changes, services.", ".")
        return said.replace(" Not judged in this tick: new_polar_customers, polar_changes, services.", "")

    def heard(self) -> list[list[str]]:
        """The titles that each channel got since the last call."""
        titles = [[message["title"] for message in channel.received] for channel in self.channels]
        for channel in self.channels:
            channel.received.clear()
        return titles

    def heard_in_a_tick(self) -> list[str]:
        """Tick; return the titles that the first channel got."""
        self.tick()
        return self.heard()[0]

    def message(self) -> str:
        """The text of the one notice that the first channel got since the last call."""
        (message,) = self.channels[0].received
        self.channels[0].received.clear()
        return message["message"]

    def succeed(self, *hours: datetime) -> None:
        for hour in hours:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(PEOPLE, partition=key(hour)))

    def fail(self, tags: Mapping[str, str], *, job: str = "customer_sync", **fields: Any) -> dg.DagsterRun:
        """Put a failed run on record: by a job, or by the assets that the UI or a backfill selected."""
        found = (
            self.pipeline.defs.resolve_implicit_global_asset_job_def()
            if "asset_selection" in fields
            else self.pipeline.defs.resolve_job_def(job)
        )
        run = self.instance.create_run_for_job(found, tags=dict(tags), status=dg.DagsterRunStatus.STARTED, **fields)
        self.instance.report_run_failed(run, "ada@example.com was refused.")
        return run


def test_while_all_is_well_nobody_hears_anything(watch: Watch) -> None:
    assert watch.tick() == "There is nothing to announce."
    assert watch.heard() == [[], []]


def test_an_hour_that_fails_twice_is_told_once_with_its_cause_and_its_end_once(watch: Watch) -> None:
    pipeline = watch.pipeline
    pipeline.add("ada")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503))
    pipeline.sync(fails=True)
    assert watch.tick() == "There is nothing to announce."

    failed = pipeline.sync(fails=True)
    assert watch.tick() == "Sent: Polar to Attio: failing hours."
    message = watch.message()
    assert message.startswith(
        f"One hour has failed 2 times in a row: {pipeline.here:%Y-%m-%d %H:%M} UTC. The newest of these runs says: "
        "Attio is failing (503"
    )
    assert message.endswith(f"See {UI}/runs/{failed.run_id}")
    pipeline.sync(fails=True)
    assert watch.tick() == "There is nothing to announce."

    pipeline.sandbox.faults.clear()
    pipeline.sync()
    watch.heard()
    watch.tick()
    watch.tick()
    assert watch.heard() == [["Polar to Attio: failing hours (over)"]] * 2


def test_a_reconciliation_that_fails_is_told_with_its_cause_and_its_run(watch: Watch) -> None:
    watch.pipeline.add("ada")
    watch.pipeline.sandbox.faults.add(Fault(kind=Kind.REVOKED, service="polar"))
    failed = watch.pipeline.reconcile(fails=True)
    assert watch.tick() == "Sent: Polar to Attio: reconciliation."
    message = watch.message()
    assert message.startswith("The newest reconciliation failed. It says: ")
    assert "set POLAR_ACCESS_TOKEN" in message
    assert f"See {UI}/runs/{failed.run_id} and" in message

    watch.pipeline.sandbox.faults.clear()
    watch.pipeline.reconcile()
    assert watch.tick() == "Sent: Polar to Attio: reconciliation (over)."


def test_a_pass_over_companies_that_fails_is_told_by_its_own_name_and_not_as_a_reconciliation(watch: Watch) -> None:
    watch.configure(watch.start, polar_attio_companies=True)
    watch.pipeline.reconcile()
    failed = watch.pipeline.run("company_sync", fails=True)

    assert watch.tick() == "Sent: Polar to Attio: companies."
    message = watch.message()
    assert message.startswith("The newest pass over companies failed. It says: ")
    assert "run `polar-attio setup`" in message
    assert f"See {UI}/runs/{failed.run_id} and" in message

    add_attributes(watch.pipeline.sandbox.attio, COMPANY_ATTRIBUTES, object_slug="companies")
    watch.pipeline.run("company_sync")
    assert watch.tick() == "Sent: Polar to Attio: companies (over)."


def test_a_reconciliation_that_the_ui_started_by_its_asset_is_told_of_too(watch: Watch) -> None:
    watch.fail({}, asset_selection=frozenset({RECONCILIATION}))

    assert watch.tick() == "Sent: Polar to Attio: reconciliation."
    assert "<email> was refused. See" in watch.message()


def test_failing_runs_of_a_backfill_and_of_the_ui_count_like_those_of_the_schedule(watch: Watch) -> None:
    first, last = watch.pipeline.here, watch.pipeline.here + 2 * HOUR
    people = frozenset({PEOPLE})
    watch.fail({**range_tags(first, last), "dagster/backfill": "some-backfill"}, asset_selection=people)
    newest = watch.fail({"dagster/partition": key(last)}, asset_selection=people)

    assert watch.tick() == "Sent: Polar to Attio: failing hours."
    message = watch.message()
    assert message.startswith(f"One hour has failed 2 times in a row: {last:%Y-%m-%d %H:%M} UTC.")
    assert "<email> was refused. See" in message
    assert newest.run_id in message


def test_failing_runs_of_other_assets_and_other_code_locations_are_not_told(watch: Watch) -> None:
    for _ in range(2):
        watch.fail({}, job="preview")
        elsewhere = watch.fail({}, asset_selection=frozenset({dg.AssetKey("polar_customers")}))
        watch.instance.add_run_tags(elsewhere.run_id, {"dagster/partition": "2026-11-01"})

    assert watch.tick() == "There is nothing to announce."


def test_an_hour_that_fails_for_ever_between_good_ones_makes_one_notice_in_a_day(
    simulated: tuple[Watch, time_machine.Traveller],
) -> None:
    watch, clock = simulated
    bad = START + DAY
    said: list[str] = []
    for minute in range(0, 24 * 60, 10):
        clock.shift(10 * MINUTE)
        now = datetime.now(UTC)
        if minute % 30 == 0:
            watch.fail(range_tags(bad, bad))
        watch.succeed(floor(now) - HOUR)
        said += watch.heard_in_a_tick()

    assert said == ["Polar to Attio: failing hours"]

    watch.succeed(bad)
    assert watch.tick() == "Sent: Polar to Attio: failing hours (over)."


def test_a_failing_hour_stays_in_view_however_many_other_runs_fail_meanwhile(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = range_tags(watch.pipeline.here, watch.pipeline.here)
    watch.fail(here)
    watch.fail(here)
    watch.tick()
    monkeypatch.setattr(hour_states, "runs_of", lambda *_: [])

    assert watch.tick() == "There is nothing to announce."


def test_hours_that_are_overdue_stay_in_view_until_they_are_filled(
    simulated: tuple[Watch, time_machine.Traveller],
) -> None:
    watch, clock = simulated
    begin = datetime.now(UTC)
    gone = [begin + HOUR, begin + 2 * HOUR]
    said: list[str] = []
    for number in range(3 * 24):
        hour = begin + number * HOUR
        clock.move_to(hour + HOUR + 6 * MINUTE)
        if hour not in gone:
            watch.succeed(hour)
        said += [title for title in watch.heard_in_a_tick() if "hours" in title]
    assert said == ["Polar to Attio: overdue hours"]

    watch.succeed(gone[0])
    assert watch.tick() == "There is nothing to announce."
    watch.succeed(gone[1])
    assert watch.tick() == "Sent: Polar to Attio: overdue hours (over)."


def test_an_overdue_hour_is_named_with_where_to_look(watch: Watch) -> None:
    watch.instance.wipe_assets([PEOPLE])
    watch.succeed(*[hour for hour in between(START, watch.pipeline.here) if hour != watch.pipeline.here - HOUR])
    watch.configure(watch.pipeline.here.date() - timedelta(days=1))
    watch.begin()
    watch.tick()
    message = watch.message()
    assert f": {watch.pipeline.here - HOUR:%Y-%m-%d %H:%M}" in message
    assert f"are on ({UI}/automation)" in message


def test_in_an_instance_that_is_new_the_hours_that_lie_behind_are_no_news(watch: Watch) -> None:
    watch.instance.wipe_assets([PEOPLE])
    watch.begin(ago=14 * MINUTE)
    assert watch.tick() == "There is nothing to announce. Not judged in this tick: overdue hours."

    watch.begin(ago=16 * MINUTE)
    assert watch.tick() == "Sent: Polar to Attio: overdue hours."


def test_an_earlier_start_date_brings_its_hours_into_view(watch: Watch) -> None:
    watch.tick()
    watch.configure(watch.start - timedelta(days=1))

    assert watch.tick() == "Sent: Polar to Attio: overdue hours."


def test_more_hours_than_a_question_takes_are_looked_at_in_several(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hour_states, "WINDOW", 5)
    monkeypatch.setattr(hour_states, "WINDOWS", 2)
    watch.instance.wipe_assets([PEOPLE])
    done = between(watch.pipeline.here.replace(hour=0) - DAY, floor(datetime.now(UTC)) - 5 * HOUR)
    watch.configure(done[0].date())
    watch.begin()
    watch.succeed(*done)

    said = [watch.tick() for _ in range(7)]

    assert said[0] == "There is nothing to announce. Not judged in this tick: overdue hours."
    assert said[-1] == "There is nothing to announce."
    assert "Sent: Polar to Attio: overdue hours." in said


def test_too_many_customers_who_are_not_in_attio_are_told_with_links_and_without_their_names(watch: Watch) -> None:
    watch.pipeline.add("grace")
    refused = watch.pipeline.add("refused", email="somebody@nowhere.invalid")
    watch.pipeline.sync()
    assert watch.tick() == "Sent: Polar to Attio: unresolved customers."
    message = watch.message()
    assert message.startswith("1 of 2 customers are rejected or ambiguous. The check every_customer_is_in_attio")
    assert f"https://polar.sh/to/dashboard/customers/{refused.id} (" in message
    assert "nowhere.invalid" not in message


def test_a_row_that_shows_no_id_is_told_without_a_link(watch: Watch) -> None:
    watch.pipeline.ledger.record([unreadable(None, field="id", message="missing")], pass_id="some pass")
    watch.tick()

    assert "waited longest: a row of Polar's that shows no id (" in watch.message()


def test_one_write_that_has_failed_for_hours_is_told_although_it_is_one_of_many(watch: Watch) -> None:
    good = [Outcome(f"good-{number}", None, Result.CREATED, None) for number in range(100)]
    failing = Outcome("bad", None, Result.REJECTED, None, reason=Reason.NOT_TAKEN, detail="A quota.")
    watch.pipeline.ledger.record([*good, failing], pass_id="p1")
    assert watch.tick() == "There is nothing to announce."

    with time_machine.travel(datetime.now(UTC) - 4 * HOUR):
        watch.pipeline.ledger.forget(["bad"])
        watch.pipeline.ledger.record([failing], pass_id="p2")

    assert watch.tick() == "Sent: Polar to Attio: unresolved customers."
    assert "attio_could_not_take" in watch.message()
    assert watch.tick() == "There is nothing to announce."

    watch.pipeline.ledger.record([replace(failing, result=Result.CREATED, reason=None, detail=None)], pass_id="p3")
    assert watch.tick() == "Sent: Polar to Attio: unresolved customers (over)."


def test_a_channel_that_is_down_gets_its_notice_later_and_the_others_hear_nothing_twice(watch: Watch) -> None:
    watch.instance.wipe_assets([PEOPLE])
    watch.channels[1].status = 500
    for _ in range(2):
        assert watch.tick().startswith("1 of 2 channels did not take a notice")
    assert watch.heard()[0] == ["Polar to Attio: overdue hours"]

    watch.channels[1].status = 200
    assert watch.tick() == "Sent: Polar to Attio: overdue hours."
    assert watch.heard() == [[], ["Polar to Attio: overdue hours"]]


@pytest.mark.parametrize("cursor", ["garbage", "[]", '{"version": 2, "announced": 3}'])
def test_a_tick_survives_a_cursor_that_is_garbage(watch: Watch, cursor: str) -> None:
    watch.cursor = cursor

    assert watch.tick() == "There is nothing to announce."


def test_a_corrupt_ledger_is_told_and_everything_else_is_judged_on(watch: Watch) -> None:
    watch.pipeline.ledger.set_fact("is", "there")
    whole = watch.pipeline.database.read_bytes()
    watch.pipeline.database.write_bytes(b"this is no database" * 1000)
    watch.instance.wipe_assets([PEOPLE])

    said = watch.tick()

    assert said.startswith("Sent: Polar to Attio: ledger, Polar to Attio: overdue hours.")
    assert "Not judged in this tick: unresolved customers" in said
    assert "The ledger" in watch.channels[0].received[0]["message"]
    assert watch.tick().startswith("There is nothing to announce.")

    watch.pipeline.database.write_bytes(whole)
    assert watch.tick() == "Sent: Polar to Attio: ledger (over)."


def test_a_ledger_that_keeps_writers_out_is_told_within_seconds(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_states, "LEDGER_PATIENCE", 0.3)
    watch.pipeline.ledger.set_fact("is", "there")
    with closing(sqlite3.connect(watch.pipeline.database)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        said = watch.tick()

    assert said.startswith("Sent: Polar to Attio: ledger.")
    assert "locked" in watch.message()
    assert watch.tick() == "Sent: Polar to Attio: ledger (over)."


def test_a_ledger_that_does_not_answer_is_told_within_seconds(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(ledger_states, "LEDGER_SECONDS", 0.1)
    monkeypatch.setattr(Ledger, "counts", lambda _: answered.wait(30))

    said = watch.tick()
    answered.set()

    assert said.startswith("Sent: Polar to Attio: ledger.")
    assert "The ledger did not answer within 0.1 seconds" in watch.message()


def test_a_state_that_cannot_be_judged_harms_no_other_and_stays_as_it_was_told(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = range_tags(watch.pipeline.here, watch.pipeline.here)
    watch.fail(here)
    watch.fail(here)
    assert watch.tick() == "Sent: Polar to Attio: failing hours."

    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(hour_states, "failing_hours", fail)
    watch.fail({}, job="full_reconciliation")

    assert watch.tick() == "Sent: Polar to Attio: reconciliation. Not judged in this tick: failing hours."


def test_a_ledger_that_raises_what_nobody_foresaw_is_told(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ledger, "counts", fail)

    assert watch.tick().startswith("Sent: Polar to Attio: ledger.")
    assert "The ledger cannot be read (ZeroDivisionError)" in watch.message()


def test_a_reconciliation_that_never_succeeded_is_told_when_two_were_due(
    simulated: tuple[Watch, time_machine.Traveller],
) -> None:
    watch, clock = simulated
    watch.succeed(*between(START + 2 * DAY, START + 6 * DAY))
    assert watch.tick() == "There is nothing to announce."
    clock.shift(20 * HOUR)
    assert watch.tick() == "There is nothing to announce."

    clock.shift(8 * HOUR)

    assert watch.tick() == "Sent: Polar to Attio: reconciliation."
    assert watch.message().startswith("No reconciliation has succeeded yet, although two were due")


def test_passes_that_would_change_too_many_people_make_one_notice_however_often_they_stop(watch: Watch) -> None:
    pipeline = watch.pipeline
    watch.configure(watch.start, polar_attio_change_min_people=2)
    customers = [pipeline.add(f"customer{number}") for number in range(12)]
    pipeline.reconcile()
    for one in customers:
        pipeline.sandbox.polar.update_customer(one.id, name=f"Renamed {one.id[:8]}")

    stopped = pipeline.reconcile(fails=True)
    assert watch.tick() == "Sent: Polar to Attio: many changes."
    message = watch.message()
    assert "The pass would change 12 of the 12 people in Attio who hold a Polar id: name replaced of 12." in message
    assert message.count("/person/") == 3
    assert "run `polar-attio approve many-changes`" in message
    assert message.endswith(f"See {UI}/runs/{stopped.run_id}")
    assert "Renamed" not in message

    for _ in range(3):
        pipeline.sync(fails=True)
        pipeline.reconcile(fails=True)
        assert watch.tick() == "There is nothing to announce."
    watch.heard()

    approve(pipeline.ledger, "many-changes")
    pipeline.sync()
    assert watch.tick() == "There is nothing to announce."
    pipeline.reconcile()
    assert watch.tick() == "Sent: Polar to Attio: many changes (over)."


def test_hours_that_wait_for_an_approval_are_not_overdue_as_well(watch: Watch) -> None:
    pipeline = watch.pipeline
    watch.configure(watch.start, polar_attio_change_min_people=2)
    customers = [pipeline.add(f"customer{number}") for number in range(12)]
    pipeline.reconcile()
    for one in customers:
        pipeline.sandbox.polar.update_customer(one.id, name=f"Renamed {one.id[:8]}")
    watch.instance.wipe_assets([PEOPLE])
    done = between(watch.pipeline.here.replace(hour=0) - DAY, floor(datetime.now(UTC)) - HOUR)
    watch.succeed(*(hour for hour in done if hour != pipeline.here))
    watch.configure(done[0].date(), polar_attio_change_min_people=2)
    watch.begin()
    pipeline.sync(fails=True)

    assert watch.tick() == "Sent: Polar to Attio: many changes."
    approve(pipeline.ledger, "many-changes")
    pipeline.sync()
    assert watch.tick() == "Sent: Polar to Attio: many changes (over)."
