"""The history as taking a pass back reads it: which records a pass wrote, and all that passes wrote to these."""

from datetime import UTC, datetime
from decimal import Decimal

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.undo.values import PastWrite, Selection
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import carry_out, write

ALL = Selection()
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def wrote(ledger: Ledger, pass_id: str, *writes: Write, kind: str = "hourly") -> None:
    ledger.begin_pass(pass_id, kind=kind, reason="test")
    with ledger.recording(pass_id) as recorder:
        for one in writes:
            carry_out(recorder, one)


def test_the_records_of_a_pass_are_those_it_wrote_each_once(ledger: Ledger) -> None:
    revenue = WrittenValue("polar_mrr", None, None, Decimal("9.90"))
    wrote(ledger, "p1", write("ada"), write("ada"), Write(None, "acme", (revenue,), "companies"))
    wrote(ledger, "p2", write("bob"))

    assert set(ledger.records_written("p1", ALL)) == {("people", "record of ada"), ("companies", "acme")}
    assert ledger.records_written("p1", Selection(attributes=frozenset({"polar_mrr"}))) == [("companies", "acme")]
    assert ledger.records_written("p1", Selection(customers=frozenset({"ada", "bob"}))) == [("people", "record of ada")]
    assert ledger.records_written("nothing", ALL) == []


def test_what_a_pass_wrote_is_known_by_attribute_and_by_customer(ledger: Ledger) -> None:
    revenue = WrittenValue("polar_mrr", None, None, Decimal("9.90"))
    wrote(ledger, "p1", write("ada"), Write("ada", "record of ada", (revenue,)))

    assert ledger.attributes_written("p1") == ["polar_country", "polar_mrr"]
    assert ledger.customers_written("p1", ["ada", "bob"]) == {"ada"}
    assert ledger.customers_written("p1", []) == set()


def test_the_history_of_a_record_is_all_that_was_written_to_it_with_the_kind_of_the_pass(ledger: Ledger) -> None:
    since = WrittenValue("polar_customer_since", None, None, NOON)
    wrote(ledger, "p1", Write("ada", "r1", (since,), action=WriteAction.CREATE), write("bob"))
    wrote(ledger, "p2", write("ada", record_id="r1", old="DE", new="FR"), kind="undo")
    with ledger.recording("without a row") as recorder:
        carry_out(recorder, Write(None, "r1", (since,), "companies"))

    first, second = ledger.history_of([("people", "r1")])
    (third,) = ledger.history_of([("companies", "r1")])

    assert first == PastWrite(
        "p1", "hourly", "people", "r1", "ada", "polar_customer_since", None, None, NOON, created=True
    )
    assert second == PastWrite("p2", "undo", "people", "r1", "ada", "polar_country", "DE", "workspace-member", "FR")
    assert (third.pass_id, third.kind) == ("without a row", None)


def test_many_records_are_asked_for_in_portions(ledger: Ledger) -> None:
    names = [f"customer {number}" for number in range(1100)]
    wrote(ledger, "p1", *map(write, names))

    records = ledger.records_written("p1", Selection(customers=frozenset(names)))

    assert len(records) == len(ledger.history_of(records)) == 1100
    assert ledger.customers_written("p1", names) == set(names)
