"""Whom the ledger knows by an address or by a record of Attio."""

import pytest

from polar_attio_pipeline.ledger import Ledger, Snapshot
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import NOON, carry_out, outcome, write
from polar_attio_pipeline_tests.sync.builders import customer


def written(customer_id: str, *, old: tuple[str, ...] | None = None, new: str) -> Write:
    return Write(customer_id, f"record of {customer_id}", (WrittenValue("email_addresses", old, None, new),))


@pytest.mark.parametrize("typed", ["ada@example.com", "ADA@Example.com"])
def test_a_customer_is_found_by_the_address_of_its_outcome_whatever_the_case(ledger: Ledger, typed: str) -> None:
    ledger.record([outcome("ada", email="Ada@example.com"), outcome("bob")], pass_id="p1")

    assert ledger.customers_of_address(typed) == ["ada"]


def test_a_customer_that_was_deleted_is_found_by_an_address_that_was_written_for_it(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, written("ada", new="Ada@example.com"))
        carry_out(recorder, written("bob", old=("ada@example.com", "bob@example.com"), new="b@example.com"))
        carry_out(recorder, written("cyd", new="xada@example.com"))
        carry_out(recorder, written("dan", new="ada@example.com.au"))

    assert ledger.customers_of_address("ada@example.com") == ["ada", "bob"]


def test_what_sql_takes_for_a_pattern_stands_for_itself(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, written("ada", new="a_b%c@example.com"))
        carry_out(recorder, written("bob", new="axbyyc@example.com"))

    assert ledger.customers_of_address("a_b%c@example.com") == ["ada"]


def test_a_customer_is_found_by_the_address_in_a_snapshot(ledger: Ledger) -> None:
    kept = Snapshot((customer("ada", created_at=NOON),), (), read_at=NOON, polar_read_at=NOON, free_lease_token=None)
    ledger.save_snapshot("run", [NOON], kept)

    assert ledger.customers_of_address("ada@example.com") == ["ada"]
    assert ledger.is_on_record("ada")
    assert not ledger.is_on_record("bob")


def test_a_customer_is_found_by_its_record_in_outcomes_or_in_the_history(ledger: Ledger) -> None:
    ledger.record([outcome("ada", record_id="r1")], pass_id="p1")
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("before", record_id="r1"))
        carry_out(recorder, write("bob", record_id="r2"))

    assert ledger.customers_of_record("r1") == ["ada", "before"]
    assert ledger.same_person(["ada"]) == ["ada", "before"]
    assert ledger.same_person(["unknown"]) == ["unknown"]
