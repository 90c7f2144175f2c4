"""Passes on record, found again: the newest ones, and one by its name or the beginning of it."""

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline_tests.ledger.builders import carry_out, write


def begin(ledger: Ledger, *pass_ids: str) -> None:
    for pass_id in pass_ids:
        ledger.begin_pass(pass_id, kind="hourly", reason="test")


def ids_named(ledger: Ledger, name: str) -> set[str]:
    return {found.pass_id for found in ledger.passes_named(name)}


def test_the_newest_passes_come_first_and_say_how_many_values_each_has_written(ledger: Ledger) -> None:
    begin(ledger, "first", "second", "third")
    with ledger.recording("second") as recorder:
        carry_out(recorder, write("ada"))
        carry_out(recorder, write("bob"))
    ledger.end_pass("second", ended="finished", counts={"updated": 2}, requests=7)

    third, second = ledger.newest_passes(2)

    assert (third.pass_id, third.values, third.ended_at, third.counts) == ("third", 0, None, {})
    assert (second.pass_id, second.values, second.ended, second.counts) == ("second", 2, "finished", {"updated": 2})
    assert (second.kind, second.reason, second.requests) == ("hourly", "test", 7)
    assert second.ended_at
    assert second.began_at <= second.ended_at
    assert [found.pass_id for found in ledger.newest_passes(10, writing=True)] == ["second"]


def test_a_pass_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    begin(ledger, "a1b2", "a1c3", "b1")

    assert ids_named(ledger, "a1b") == {"a1b2"}
    assert ids_named(ledger, "a1") == {"a1b2", "a1c3"}
    assert ids_named(ledger, "c") == set()


def test_a_whole_id_is_one_pass_although_other_ids_begin_with_it(ledger: Ledger) -> None:
    begin(ledger, "a1", "a1-companies")

    assert ids_named(ledger, "a1") == {"a1"}
    assert ids_named(ledger, "a1-") == {"a1-companies"}


def test_no_name_and_the_wildcards_of_sql_are_the_beginning_of_none(ledger: Ledger) -> None:
    begin(ledger, "a1", "b1")

    assert [ids_named(ledger, name) for name in ("", "%", "_1", "a%")] == [set()] * 4


def test_of_an_empty_ledger_there_are_no_passes(ledger: Ledger) -> None:
    assert ledger.newest_passes(10) == []


def test_the_newest_pass_of_a_kind_is_found_however_many_of_others_came_since(ledger: Ledger) -> None:
    for number, (kind, ended) in enumerate(
        [("reconciliation", "finished"), ("reconciliation", "stopped"), ("hourly", "finished"), ("hourly", None)]
    ):
        ledger.begin_pass(f"p{number}", kind=kind, reason="test")
        if ended:
            ledger.end_pass(f"p{number}", ended=ended, counts={}, requests=0)
    for number in range(4, 30):
        ledger.begin_pass(f"p{number}", kind="changed", reason="test")

    finished, others = ledger.newest_that_ended("finished"), ledger.newest_but("stopped")

    assert {kind: row.pass_id for kind, row in finished.items()} == {"reconciliation": "p0", "hourly": "p2"}
    assert {kind: row.pass_id for kind, row in others.items()} == {
        "reconciliation": "p0",
        "hourly": "p3",
        "changed": "p29",
    }
