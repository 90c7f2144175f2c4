"""How the sensor `alerts` is defined, and what one tick of it does with what it judges."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.channels import Delivery, Notice, fingerprint
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors import announcing, ledger_states
from polar_attio_pipeline.defs.sensors.alert_cursor import AlertCursor, dump, load
from polar_attio_pipeline.defs.sensors.alerts import build_alerts_sensor
from polar_attio_pipeline.defs.sensors.ledger_states import Count
from polar_attio_pipeline.defs.sensors.notices import LEDGER, MANY_CHANGES, UNRESOLVED_CUSTOMERS, State
from polar_attio_pipeline.defs.sensors.watching import Watched
from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.conftest import evaluate

CHAT = "json://chat.example"
HERE = floor(datetime.now(UTC))
WATCHED = Watched(Names("acme"), HERE, timedelta(hours=3), "35 3 * * *", "http://ui", str)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What each channel was told; all of them take everything."""
    told: list[tuple[str, list[str]]] = []

    def deliver(batches: Sequence[tuple[str, Sequence[Notice]]], *, seconds: float) -> list[Delivery]:
        told.extend((url, [notice.title for notice in notices]) for url, notices in batches)
        return [Delivery(known=True, taken=notices) for _, notices in batches]

    monkeypatch.setattr(announcing, "deliver", deliver)
    return told


def tick(
    instance: dg.DagsterInstance, folder: Path, cursor: AlertCursor, options: PassOptions
) -> tuple[str | None, AlertCursor]:
    """Tick; return what the UI says of it, and the cursor."""
    resources = {"acme_ledger": LedgerResource.at(SecretStr(str(folder / "ledger.db"))), "acme_options": options}
    with dg.build_sensor_context(instance=instance, cursor=dump(cursor), resources=resources) as context:
        result = evaluate(build_alerts_sensor(WATCHED, urls=[CHAT], seconds=30), context)
    assert isinstance(result, dg.SensorResult)
    assert isinstance(result.skip_reason, dg.SkipReason)
    return result.skip_reason.skip_message, load(result.cursor, start=HERE, now=datetime.now(UTC))


@pytest.mark.parametrize(
    ("urls", "status"),
    [([CHAT], dg.DefaultSensorStatus.RUNNING), ([], dg.DefaultSensorStatus.STOPPED)],
)
def test_it_runs_where_there_is_a_channel(urls: list[str], status: dg.DefaultSensorStatus) -> None:
    sensor = build_alerts_sensor(WATCHED, urls=urls, seconds=45)

    assert (sensor.name, sensor.default_status, sensor.minimum_interval_seconds) == ("acme_alerts", status, 45)
    assert sensor.required_resource_keys == {"acme_ledger", "acme_options"}
    assert (sensor.description or "").startswith("Tells the channels of POLAR_ATTIO_ALERT_URLS once when hours fail")


def test_a_tick_tells_what_is_bad_and_remembers_that_and_what_was_not_judged(
    instance: dg.DagsterInstance, tmp_path: Path, sent: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_states, "ask", lambda *_: State(LEDGER, "It is locked."))
    watching_since = HERE - timedelta(days=1)

    said, cursor = tick(instance, tmp_path, AlertCursor(watching_since, HERE, HERE), PassOptions())

    assert sent == [(CHAT, ["Polar to Attio (acme): ledger"])]
    assert said == (
        "Sent: Polar to Attio (acme): ledger. Not judged in this tick: unresolved customers, new_polar_customers, "
        "polar_changes, services, many changes."
    )
    assert cursor == AlertCursor(
        watching_since, HERE, HERE, failing={}, announced={fingerprint(CHAT): {LEDGER: "It is locked."}}
    )


def test_what_was_told_before_is_not_told_again_and_what_could_not_be_judged_is_not_over(
    instance: dg.DagsterInstance, tmp_path: Path, sent: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_states, "ask", lambda *_: State(LEDGER, "It is locked."))
    announced = {fingerprint(CHAT): {LEDGER: "It is locked.", MANY_CHANGES: "It would change everybody."}}

    said, cursor = tick(instance, tmp_path, AlertCursor(HERE, HERE, HERE, announced=announced), PassOptions())

    assert sent == []
    assert (said or "").startswith("There is nothing to announce.")
    assert cursor.announced == announced


def test_customers_are_judged_by_the_options_of_the_instance(
    instance: dg.DagsterInstance, tmp_path: Path, sent: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {**dict.fromkeys(Result, 0), Result.REJECTED: 1, Result.CREATED: 9}
    monkeypatch.setattr(ledger_states, "ask", lambda *_: Count(results, []))
    cursor = AlertCursor(HERE, HERE, HERE)

    _, after = tick(instance, tmp_path, cursor, PassOptions(failed_error_share=0.2))
    assert sent == []

    tick(instance, tmp_path, after, PassOptions(failed_error_share=0.05))
    assert sent == [(CHAT, [f"Polar to Attio (acme): {UNRESOLVED_CUSTOMERS}"])]
