"""Which person a customer is: by stored id, then by address, never a guess. One test a case, by its name."""

import re
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline.sync.matching import (
    AMBIGUOUS,
    CERTAIN,
    DESCRIPTIONS,
    Case,
    Claims,
    Match,
    PeopleIndex,
    claim,
    contested_id,
    match,
)
from polar_attio_pipeline.sync.records import Customer, Owner, Person
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, person

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "matching.md"
GONE = "60e00000-0000-4000-8000-000000000009"


def found(ada: Customer, *people: Person, alive: frozenset[str] = frozenset({BOB})) -> Match:
    return match(ada, PeopleIndex(people), alive=alive)


class TestCertain:
    def test_new(self) -> None:
        assert found(customer(), person("p1", "somebody@example.com")) == Match(Case.NEW)

    def test_known(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        assert found(customer(), ada) == Match(Case.KNOWN, ada, (ada,))

    def test_known_by_one_of_many_addresses(self) -> None:
        ada = person("p1", "lovelace@example.com", "ada@example.com", polar_customer_id=ADA)
        assert found(customer(), ada).case is Case.KNOWN

    def test_known_team_without_an_address(self) -> None:
        team = person("p1", "ada@example.com", polar_customer_id=ADA)
        assert found(customer(email=None), team) == Match(Case.KNOWN, team, (team,))

    def test_known_although_a_second_record_has_the_address_too(self) -> None:
        ada = person("p1", "ada@bücher.example.com", polar_customer_id=ADA)
        second = person("p2", "ada@xn--bcher-kva.example.com")
        known = found(customer(email="ada@bücher.example.com"), ada, second)
        assert known == Match(Case.KNOWN, ada, (ada, second))

    def test_known_after_a_merge_in_attio_under_the_new_record_id(self) -> None:
        merged = person("p3", "ada@example.com", "lovelace@example.com", polar_customer_id=ADA)
        assert found(customer(), merged) == Match(Case.KNOWN, merged, (merged,))

    def test_email_changed(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        assert found(customer(email="new@example.com"), ada) == Match(Case.EMAIL_CHANGED, ada, (ada,))

    def test_found_by_email_added_by_hand(self) -> None:
        by_hand = person("p1", "ada@example.com", actor="workspace-member")
        assert found(customer(), by_hand) == Match(Case.FOUND_BY_EMAIL, by_hand, (by_hand,))

    @pytest.mark.parametrize("cleared", ["", "  "])
    def test_found_by_email_after_the_id_was_cleared(self, cleared: str) -> None:
        ada = person("p1", "ada@example.com", polar_customer=True, polar_customer_id=cleared)
        assert found(customer(), ada) == Match(Case.FOUND_BY_EMAIL, ada, (ada,))

    def test_recreated(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=GONE)
        assert contested_id(customer(), PeopleIndex([ada])) == GONE
        assert found(customer(), ada) == Match(Case.RECREATED, ada, (ada,))

    def test_recreated_where_a_person_typed_something_that_is_no_id(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id="see Stripe")
        assert found(customer(), ada).case is Case.RECREATED

    def test_remembered(self) -> None:
        ada = person("p1", "old@example.com")
        index = PeopleIndex([ada, person("p2", "bob@example.com")])

        assert match(customer(), index, alive=(), remembered="p1") == Match(Case.REMEMBERED, ada, (ada,))
        assert match(customer(), index, alive=()) == Match(Case.NEW)


class TestAmbiguous:
    def test_shared_email_of_another_live_customer(self) -> None:
        bob = person("p1", "ada@example.com", polar_customer_id=BOB)
        assert contested_id(customer(), PeopleIndex([bob])) == BOB
        assert found(customer(), bob) == Match(Case.SHARED_EMAIL, None, (bob,))

    def test_two_records_the_new_address_is_another_persons(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        other = person("p2", "new@example.com")
        assert found(customer(email="new@example.com"), ada, other) == Match(Case.TWO_RECORDS, None, (ada, other))

    def test_two_records_two_customers_swapped_their_addresses(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        bob = person("p2", "bob@example.com", polar_customer_id=BOB)
        assert found(customer(email="bob@example.com"), ada, bob).case is Case.TWO_RECORDS
        assert found(customer(BOB, "ada@example.com"), ada, bob).case is Case.TWO_RECORDS

    def test_copied_id(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        copy = person("p2", polar_customer_id=ADA)
        assert found(customer(), ada, copy) == Match(Case.COPIED_ID, None, (ada, copy))

    def test_copied_id_over_another_customers(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        was_bob = person("p2", "bob@example.com", polar_customer_id=ADA)
        assert found(customer(), ada, was_bob).case is Case.COPIED_ID
        assert found(customer(BOB, "bob@example.com"), ada, was_bob, alive=frozenset({ADA})).case is Case.SHARED_EMAIL

    def test_repeated_email(self) -> None:
        one, other = person("p1", "ada@example.com"), person("p2", "ADA@example.com")
        assert found(customer(), one, other) == Match(Case.REPEATED_EMAIL, None, (one, other))
        assert contested_id(customer(), PeopleIndex([one, other])) is None


class TestRejected:
    def test_no_email(self) -> None:
        assert found(customer(email=None)) == Match(Case.NO_EMAIL)

    @pytest.mark.parametrize("blank", ["", "  "])
    def test_no_email_where_the_address_is_blank(self, blank: str) -> None:
        assert found(customer(email=blank)) == Match(Case.NO_EMAIL)

    def test_anonymised(self) -> None:
        gone = customer(email="0f@anonymized.polar.sh")
        assert found(gone, person("p1", polar_customer_id=ADA)) == Match(Case.ANONYMISED)


class TestTeams:
    def test_a_team_is_known_by_its_owner(self) -> None:
        team = customer(email=None, owner=Owner("Ada@example.com", "Ada Lovelace"))
        ada = person("p1", "ada@example.com")
        assert found(team).case is Case.NEW
        assert found(team, ada).case is Case.FOUND_BY_EMAIL

    def test_a_team_whose_owner_is_a_customer_too_is_ambiguous(self) -> None:
        team = customer(email=None, owner=Owner("bob@example.com", "Bob"))
        bob = person("p1", "bob@example.com", polar_customer_id=BOB)
        assert found(team, bob).case is Case.SHARED_EMAIL


@pytest.mark.parametrize(
    ("in_polar", "in_attio"),
    [
        ("Ada@example.com", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ada+polar@example.com", "ada+polar@example.com"),
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("a" * 308 + "@example.com", "a" * 308 + "@example.com"),
    ],
)
def test_an_address_is_found_however_it_is_spelt(in_polar: str, in_attio: str) -> None:
    assert found(customer(email=in_polar), person("p1", in_attio)).case is Case.FOUND_BY_EMAIL


def test_plus_tags_are_other_people() -> None:
    assert found(customer(email="ada+polar@example.com"), person("p1", "ada@example.com")).case is Case.NEW


def test_an_id_is_recognised_with_white_space_and_in_capitals() -> None:
    assert found(customer(), person("p1", "ada@example.com", polar_customer_id=f" {ADA.upper()} ")).case is Case.KNOWN


def test_nobody_is_asked_about_who_is_known_by_id() -> None:
    ada = person("p1", polar_customer_id=ADA)
    bob = person("p2", "ada@example.com", polar_customer_id=BOB)
    assert contested_id(customer(), PeopleIndex([ada, bob])) is None


class TestClaims:
    """Of two customers in one pass that would get one person, the first keeps it."""

    def test_two_new_customers_of_one_address_are_one_new_person(self) -> None:
        claims = Claims()
        first = claim(customer(), Match(Case.NEW), claims)
        second = claim(customer(BOB, "ADA@example.com"), Match(Case.NEW), claims)
        assert (first.case, second.case) == (Case.NEW, Case.SHARED_EMAIL)

    def test_of_two_customers_of_one_address_the_second_is_shown_with_the_person_of_that_address(self) -> None:
        by_hand = person("p1", "ada@example.com")
        claims = Claims()
        claim(customer(), Match(Case.FOUND_BY_EMAIL, by_hand, (by_hand,)), claims)
        second = claim(customer(BOB), Match(Case.FOUND_BY_EMAIL, by_hand, (by_hand,)), claims)
        assert second == Match(Case.SHARED_EMAIL, None, (by_hand,))

    def test_two_addresses_of_one_person_do_not_make_it_two_customers(self) -> None:
        by_hand = person("p1", "ada@example.com", "lovelace@example.com")
        claims = Claims()
        first = claim(customer(), Match(Case.FOUND_BY_EMAIL, by_hand, (by_hand,)), claims)
        second = claim(customer(BOB, "lovelace@example.com"), Match(Case.FOUND_BY_EMAIL, by_hand, (by_hand,)), claims)
        assert first.person == by_hand
        assert second == Match(Case.SHARED_EMAIL, None, (by_hand,))

    def test_a_customer_who_is_tried_again_keeps_what_it_claimed(self) -> None:
        claims = Claims()
        again = [claim(customer(), Match(Case.NEW), claims) for _ in range(2)]
        assert again == [Match(Case.NEW)] * 2

    def test_two_customers_who_are_known_by_their_ids_may_share_an_address(self) -> None:
        ada = person("p1", "ada@example.com", polar_customer_id=ADA)
        bob = person("p2", "ADA@example.com", polar_customer_id=BOB)
        claims = Claims()
        first = claim(customer(), Match(Case.KNOWN, ada, (ada, bob)), claims)
        second = claim(customer(BOB, "ADA@example.com"), Match(Case.KNOWN, bob, (ada, bob)), claims)
        assert (first.person, second.person) == (ada, bob)

    @pytest.mark.parametrize("case", sorted(set(Case) - CERTAIN))
    def test_who_is_uncertain_claims_nothing(self, case: Case) -> None:
        claims = Claims()
        claim(customer(), Match(case), claims)
        assert claim(customer(BOB, "ada@example.com"), Match(Case.NEW), claims).case is Case.NEW


HOLDINGS: tuple[dict[str, Any], ...] = ({}, *({"polar_customer_id": held} for held in (ADA, BOB, GONE)))


@pytest.mark.parametrize("first", HOLDINGS)
@pytest.mark.parametrize("second", HOLDINGS)
def test_a_person_is_named_exactly_where_something_may_be_written_to_it(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    ada = person("p1", "ada@example.com", **first)
    for people in ((), (ada,), (ada, person("p2", **second)), (ada, person("p2", "ADA@example.com", **second))):
        for one in (customer(), customer(email="new@example.com"), customer(email=None)):
            decided = found(one, *people)
            assert (decided.person is not None) == (decided.case in CERTAIN - {Case.NEW})


def test_every_case_is_described_and_is_certain_ambiguous_or_rejected() -> None:
    assert set(DESCRIPTIONS) == set(Case)
    assert not CERTAIN & AMBIGUOUS
    assert set(Case) - CERTAIN - AMBIGUOUS == {Case.NO_EMAIL, Case.ANONYMISED}
    for case, (when, then) in DESCRIPTIONS.items():
        assert when.endswith(".")
        assert then.startswith("Ambiguous: ") == (case in AMBIGUOUS)
        assert then.startswith("Rejected: ") == (case not in AMBIGUOUS | CERTAIN)


def rows_of(heading: str) -> list[str]:
    """The rows of the table under a heading of the documentation, without the table's head."""
    section = re.split(r"^## ", DOCUMENTATION.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def test_the_documented_table_of_cases_is_what_the_code_says() -> None:
    assert rows_of("Cases") == [f"| `{case}` | {when} | {then} |" for case, (when, then) in DESCRIPTIONS.items()]


def test_every_case_that_the_documentation_names_exists() -> None:
    named = re.findall(r"`([a-z_]+)`", DOCUMENTATION.read_text(encoding="utf-8").split("## Attributes")[0])
    assert set(named) - {"email_addresses", "polar_customer_id"} == set(Case)
