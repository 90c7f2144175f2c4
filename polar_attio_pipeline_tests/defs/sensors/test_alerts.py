"""The sensor that tells people, tick by tick, on a real instance, a sandbox and real receivers."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.hours import HOUR, floor, key
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import PEOPLE, Pipeline
from polar_attio_pipeline_tests.receiver import Receiver, receiving


@pytest.fixture
def channels() -> Iterator[list[Receiver]]:
    with ExitStack() as open_ones:
        yield [open_ones.enter_context(receiving()) for _ in range(2)]


@pytest.fixture
def watch(pipeline: Pipeline, impatient: None, channels: list[Receiver]) -> "Watch":
    """All is well: the hours that could be overdue are done."""
    now = floor(datetime.now(UTC))
    pipeline.configure(
        polar_attio_start_date=(now - timedelta(days=1)).date(),
        polar_attio_alert_urls=" ".join(channel.url for channel in channels),
    )
    for hours_ago in range(3, 50):
        hour = key(now - HOUR * hours_ago)
        pipeline.instance.report_runless_asset_event(dg.AssetMaterialization(PEOPLE, partition=hour))
    return Watch(pipeline, channels)


class Watch:
    """Ticks as the daemon does."""

    def __init__(self, pipeline: Pipeline, channels: list[Receiver]) -> None:
        self.pipeline = pipeline
        self.channels = channels
        self.cursor: str | None = None

    def tick(self) -> str:
        """Tick; return what the UI says of it."""
        context = dg.build_sensor_context(
            instance=self.pipeline.instance,
            cursor=self.cursor,
            resources={
                "ledger": LedgerResource(url=str(self.pipeline.database)),
                "options": PassOptions(),
            },
            definitions=self.pipeline.defs,
        )
        result = self.pipeline.defs.resolve_sensor_def("alerts")(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        reason = (
            result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else result.skip_reason
        )
        return reason or ""

    def heard(self) -> list[list[str]]:
        """The titles that each channel got since the last call."""
        titles = [[message["title"] for message in channel.received] for channel in self.channels]
        for channel in self.channels:
            channel.received.clear()
        return titles


def test_while_all_is_well_nobody_hears_anything(watch: Watch) -> None:
    assert watch.tick() == "There is nothing to tell."
    assert watch.heard() == [[], []]


def test_a_failed_run_is_told_once_and_its_end_once(watch: Watch) -> None:
    pipeline = watch.pipeline
    pipeline.add("ada")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503))
    pipeline.sync(fails=True)
    assert watch.tick() == "Told: Polar to Attio: customer_sync."
    assert watch.heard() == [["Polar to Attio: customer_sync"]] * 2
    pipeline.sync(fails=True)
    assert watch.tick() == "There is nothing to tell."

    pipeline.sandbox.faults.clear()
    pipeline.sync()
    watch.tick()
    watch.tick()
    assert watch.heard() == [["Polar to Attio: customer_sync is well again"]] * 2


def test_a_token_that_is_revoked_is_told_with_what_to_do(watch: Watch) -> None:
    watch.pipeline.add("ada")
    watch.pipeline.sandbox.faults.add(Fault(kind=Kind.REVOKED, service="polar"))
    watch.pipeline.reconcile(fails=True)
    watch.tick()
    (message,) = watch.channels[0].received
    assert message["title"] == "Polar to Attio: full_reconciliation"
    assert "its last error says what to do" in message["message"]


def test_an_hour_that_is_overdue_is_told(watch: Watch) -> None:
    watch.pipeline.instance.wipe_assets([PEOPLE])
    watch.tick()
    (message,) = watch.channels[0].received
    assert message["title"] == "Polar to Attio: overdue hours"
    assert "see that Dagster's daemon runs" in message["message"]


def test_too_many_customers_who_are_not_in_attio_are_told_without_their_names(watch: Watch) -> None:
    watch.pipeline.add("grace")
    watch.pipeline.add("refused", email="somebody@nowhere.invalid")
    watch.pipeline.sync()
    watch.tick()
    (message,) = watch.channels[0].received
    assert message["title"] == "Polar to Attio: unresolved customers"
    assert message["message"].startswith("1 of 2 customers are rejected or ambiguous")


def test_a_channel_that_is_down_gets_its_notice_later_and_the_others_hear_nothing_twice(watch: Watch) -> None:
    watch.pipeline.instance.wipe_assets([PEOPLE])
    watch.channels[1].status = 500
    for _ in range(3):
        assert watch.tick().startswith("1 of 2 channels did not take a notice")
    assert watch.heard()[0] == ["Polar to Attio: overdue hours"]

    watch.channels[1].status = 200
    assert watch.tick() == "Told: Polar to Attio: overdue hours."
    assert watch.heard() == [[], ["Polar to Attio: overdue hours"]]
