"""What sensors read of what is on record: moments and ids of any metadata, and what the ledger knows."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.sensors import on_record
from polar_attio_pipeline.defs.sensors.on_record import ids_of, known_to, moment_of
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline_tests.defs.sensors.fakes import GivenLedger

MOMENT = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)


def holding(value: dg.MetadataValue[Any]) -> dg.AssetMaterialization:
    others = {"another": dg.TimestampMetadataValue(0.0), "others": dg.JsonMetadataValue(["another"])}
    return dg.AssetMaterialization("anything", metadata={**others, "wanted": value})


def test_a_moment_is_read_in_utc() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=9)))

    found = moment_of(holding(dg.TimestampMetadataValue(there.timestamp())), "wanted")

    assert found == MOMENT
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        dg.TextMetadataValue("2026-11-01 10:30"),
        dg.FloatMetadataValue(MOMENT.timestamp()),
        dg.JsonMetadataValue([MOMENT.timestamp()]),
    ],
)
def test_only_a_timestamp_is_a_moment(value: dg.MetadataValue[Any]) -> None:
    assert moment_of(holding(value), "wanted") is None


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (dg.JsonMetadataValue(["a", "b", "a"]), {"a", "b"}),
        (dg.JsonMetadataValue([1]), {"1"}),
        (dg.JsonMetadataValue([]), set()),
        (dg.JsonMetadataValue({"a": True}), set()),
        (dg.JsonMetadataValue("a"), set()),
        (dg.JsonMetadataValue(None), set()),
        (dg.TextMetadataValue("a"), set()),
    ],
)
def test_only_a_list_names_ids(value: dg.MetadataValue[Any], ids: set[str]) -> None:
    assert ids_of(holding(value), "wanted") == ids


@pytest.mark.parametrize("materialization", [None, dg.AssetMaterialization("anything")])
def test_where_nothing_is_said_there_is_no_moment_and_no_id(materialization: dg.AssetMaterialization | None) -> None:
    assert moment_of(materialization, "wanted") is None
    assert ids_of(materialization, "wanted") == frozenset()


def test_of_the_customers_in_question_those_that_the_ledger_knows_are_found() -> None:
    ledger = GivenLedger("a", "c")

    assert known_to(ledger, {"a", "b"}) == frozenset({"a"})
    assert ledger.asked == [{"a", "b"}]


def test_the_ledger_is_not_asked_of_nobody() -> None:
    ledger = GivenLedger()

    assert known_to(ledger, set()) == frozenset()
    assert ledger.asked == []


def test_a_ledger_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(LedgerError, match="The ledger is ill"):
        known_to(GivenLedger(error=LedgerError("The ledger is ill.")), {"a"})


def test_a_ledger_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_record, "LEDGER_SECONDS", 0.01)
    answers = threading.Event()
    ledger = GivenLedger()
    ledger.before = lambda: answers.wait(30)

    with pytest.raises(TimeoutError):
        known_to(ledger, {"a"})
    answers.set()
