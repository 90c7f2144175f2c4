"""Exactly one outcome a customer, with a reason from a closed list."""

import pytest

from polar_attio_pipeline.sync.matching import CERTAIN, DESCRIPTIONS, Case, Match
from polar_attio_pipeline.sync.outcomes import (
    FAILED,
    WHOLE_ROW,
    Outcome,
    Reason,
    Result,
    changed_meanwhile,
    due_in_attio,
    excluded,
    not_taken,
    partly_refused,
    partly_refused_before,
    refused,
    tally,
    unanswered,
    unexpected,
    unreadable,
    unwritable,
    written,
)
from polar_attio_pipeline.sync.partial_writes import Refusal
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline_tests.sync.builders import ADA, SPRING, customer, person, planned

P1 = person("p1", "ada@example.com")
P2 = person("p2", "lovelace@example.com")


@pytest.mark.parametrize(
    ("action", "result"),
    [(Action.CREATE, Result.CREATED), (Action.UPDATE, Result.UPDATED), (Action.KEEP, Result.UNCHANGED)],
)
def test_what_was_done_is_on_record_with_a_link(action: Action, result: Result) -> None:
    done = Plan(customer(), Match(Case.KNOWN, P1), action, (Change("polar_country", None, "GB"),))
    outcome = written(done, P1)
    assert (outcome.customer_id, outcome.email, outcome.created_at) == (ADA, "ada@example.com", SPRING)
    assert (outcome.result, outcome.record_id, outcome.urls) == (result, "p1", (P1.url,))
    assert outcome.changed == ("polar_country",)
    assert outcome.reason is None
    assert result not in FAILED


@pytest.mark.parametrize("case", sorted(set(Case) - CERTAIN))
def test_every_case_that_writes_nothing_is_a_reason_of_the_same_name(case: Case) -> None:
    outcome = unwritable(planned(Action.ASK, case, P1))
    assert outcome.reason is not None
    assert outcome.reason.value == case.value
    assert outcome.detail == " ".join(DESCRIPTIONS[case])


def test_an_ambiguous_customer_links_to_every_record_involved_and_claims_none() -> None:
    outcome = unwritable(planned(Action.ASK, Case.TWO_RECORDS, P1, P2))
    assert (outcome.result, outcome.reason) == (Result.AMBIGUOUS, Reason.TWO_RECORDS)
    assert outcome.urls == (P1.url, P2.url)
    assert outcome.record_id is None
    assert outcome.detail is not None
    assert "merge" in outcome.detail


def test_a_rejected_customer_says_what_to_do() -> None:
    outcome = unwritable(planned(Action.REJECT, Case.NO_EMAIL))
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.NO_EMAIL)
    assert outcome.detail is not None
    assert "members:read" in outcome.detail


def test_a_refusal_names_the_field() -> None:
    outcome = refused(
        planned(Action.UPDATE, Case.KNOWN, P1), field="email_addresses", message="Not an address.", fingerprint="f"
    )
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.REFUSED)
    assert outcome.detail is not None
    assert outcome.detail.startswith("Attio refused email_addresses: Not an address.")
    assert outcome.record_id == "p1"


def test_a_refusal_without_a_field_still_says_what_attio_said() -> None:
    outcome = refused(planned(Action.CREATE, Case.NEW), field=None, message="No.", fingerprint="f")
    assert outcome.detail is not None
    assert outcome.detail.startswith("Attio refused the record: No.")


def test_a_refused_value_is_named_with_attios_words_and_the_result_is_that_of_the_rest() -> None:
    done = Plan(customer(), Match(Case.KNOWN, P1), Action.UPDATE, (Change("name", None, "Ada"),))
    refusals = [Refusal(("polar_country",), "No country."), Refusal(("polar_mrr", "polar_seats"), "Not that.")]
    outcome = partly_refused(done, P1, refusals, fingerprint="f")
    assert (outcome.result, outcome.reason, outcome.fingerprint) == (Result.UPDATED, Reason.PARTLY_REFUSED, "f")
    assert (outcome.changed, outcome.record_id) == (("name",), "p1")
    assert outcome.detail == (
        "Attio refused polar_country: No country. Attio refused a value without naming it, one of polar_mrr, "
        "polar_seats: Not that. Correct the value in Polar, or the attribute in Attio: it is sent again when one of "
        "them has changed, and once a day."
    )


def test_a_value_that_is_not_sent_again_leaves_the_person_unchanged_and_repeats_what_was_said() -> None:
    due = Plan(customer(), Match(Case.KNOWN, P1), Action.UPDATE, (Change("polar_country", None, "GB"),))
    outcome = partly_refused_before(due, P1, detail="Attio refused polar_country: No.", fingerprint="f")
    assert (outcome.result, outcome.reason, outcome.changed) == (Result.UNCHANGED, Reason.PARTLY_REFUSED, ())
    assert (outcome.detail, outcome.fingerprint) == ("Attio refused polar_country: No.", "f")


def test_all_that_is_left_empty_is_named() -> None:
    empty = {"polar_mrr": "it is paid in EUR, the attribute is in USD", "plan_tier": "the attribute has no option Max"}
    outcome = written(Plan(customer(), Match(Case.KNOWN, P1), Action.KEEP, left_empty=empty), P1)
    assert (outcome.result, outcome.reason) == (Result.UNCHANGED, Reason.LEFT_EMPTY)
    assert outcome.detail == (
        "polar_mrr is left empty: it is paid in EUR, the attribute is in USD; "
        "plan_tier is left empty: the attribute has no option Max."
    )


def test_a_person_that_keeps_changing_under_the_pass_is_for_a_human() -> None:
    assert changed_meanwhile(planned(Action.UPDATE, Case.KNOWN, P1)) == Outcome(
        customer_id=ADA,
        email="ada@example.com",
        result=Result.AMBIGUOUS,
        created_at=SPRING,
        reason=Reason.CHANGED_MEANWHILE,
        detail="Attio says that the address is taken or the record no longer exists, but a fresh search does not show "
        "why. Search Attio for the address, archived and deleted records included; the next pass tries again.",
        record_id="p1",
        urls=(P1.url,),
    )


def test_a_customer_that_is_not_to_be_written_is_known_by_its_address_and_hour_too() -> None:
    assert excluded(customer(), "it does not pay.") == Outcome(
        customer_id=ADA,
        email="ada@example.com",
        result=Result.EXCLUDED,
        created_at=SPRING,
        detail="Not written: it does not pay.",
    )


def test_what_attio_did_not_take_is_tried_again_by_the_next_pass() -> None:
    assert not_taken(customer(), "Attio fails.", (P1, P2)) == Outcome(
        customer_id=ADA,
        email="ada@example.com",
        result=Result.REJECTED,
        created_at=SPRING,
        reason=Reason.NOT_TAKEN,
        detail="Attio fails. The next pass tries again.",
        urls=(P1.url, P2.url),
    )


def test_a_question_that_polar_did_not_answer_is_a_reason_and_says_that_it_is_asked_again() -> None:
    assert unanswered(customer(), "Polar did not answer.") == Outcome(
        customer_id=ADA,
        email="ada@example.com",
        result=Result.REJECTED,
        created_at=SPRING,
        reason=Reason.UNANSWERED,
        detail="Polar did not answer. Without the answer it is not certain who the customer is. The next pass asks "
        "again.",
    )


def test_a_failure_of_this_program_names_the_error_and_quotes_nothing_of_the_customer() -> None:
    assert unexpected(customer(), ValueError("ada@example.com")) == Outcome(
        customer_id=ADA,
        email="ada@example.com",
        result=Result.REJECTED,
        created_at=SPRING,
        reason=Reason.UNEXPECTED,
        detail="This program failed with ValueError on the customer's data, and goes on with the others. Report it "
        "with the traceback in the log of the run; the next pass tries again.",
    )


def test_a_row_that_does_not_parse_belongs_to_its_hour_and_says_why() -> None:
    assert unreadable(ADA, field="email", message="?", created_at=SPRING).created_at == SPRING
    assert unreadable(ADA, field=WHOLE_ROW, message="Polar cannot show it.").detail == "Polar cannot show it."


def test_a_row_that_does_not_parse_has_an_outcome_too() -> None:
    outcome = unreadable(None, field="created_at", message="Input should be a valid datetime.")
    assert (outcome.customer_id, outcome.result, outcome.reason) == ("unknown", Result.REJECTED, Reason.UNREADABLE)
    assert outcome.detail is not None
    assert "created_at" in outcome.detail
    assert unreadable(ADA, field="email", message="?").customer_id == ADA


def test_a_tally_has_a_number_for_every_result() -> None:
    outcomes = [written(planned(Action.KEEP, Case.KNOWN, P1), P1), unwritable(planned(Action.REJECT, Case.NO_EMAIL))]
    assert tally(outcomes) == {
        Result.CREATED: 0,
        Result.UPDATED: 0,
        Result.UNCHANGED: 1,
        Result.REJECTED: 1,
        Result.AMBIGUOUS: 0,
        Result.EXCLUDED: 0,
    }


def test_all_but_the_excluded_are_due_in_attio() -> None:
    assert due_in_attio({Result.CREATED: 3, Result.REJECTED: 2, Result.EXCLUDED: 7}) == 5
    assert due_in_attio({Result.UNCHANGED: 4}) == 4
