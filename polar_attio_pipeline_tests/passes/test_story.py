"""The sentences that a person reads about a pass."""

from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.passes.company_progress import Grouped
from polar_attio_pipeline.passes.progress import (
    Began,
    Compared,
    Ended,
    Ending,
    HoursRead,
    LeftOut,
    Marks,
    Progress,
    SnapshotRead,
    Stage,
)
from polar_attio_pipeline.passes.story import duration, sentences, words
from polar_attio_pipeline.sync.outcomes import Reason, Result

LINK = "https://polar.sh/dashboard/acme/customers/3f4ed95a-aaf3-4c2f-9cb2-84f8b6febc3a"


def line(event: Began | Progress | SnapshotRead | HoursRead | Compared) -> str:
    (found,) = sentences(event)
    return found


def end(how: Ending = Ending.FINISHED, **fields: object) -> list[str]:
    given = {"counts": {Result.CREATED: 2, Result.REJECTED: 1}, "left_out": (), "remaining": 0, "seconds": 80}
    given |= {"requests": 1560, "throttled": 0, "upcoming": "", **fields}
    return sentences(Ended(how=how, **given))  # type: ignore[arg-type]  # as each test says


def test_the_beginning_says_what_begins_and_why() -> None:
    assert line(Began("the hourly pass over 12:00 to 13:00 UTC", "sensor new_polar_customers", "hourly", "p1")) == (
        "The hourly pass over 12:00 to 13:00 UTC begins (sensor new_polar_customers)."
    )


def test_progress_says_how_far_how_fast_and_how_long_still() -> None:
    event = Progress(Stage.WRITING, done=310, total=1500, pace=19.4, left=61.3)
    assert line(event) == "Bringing customers to Attio: 310 of 1,500 done; 19.4 a second, about 1 min 1 s left."


def test_a_pace_that_says_nothing_is_not_shown() -> None:
    assert line(Progress(Stage.WRITING, done=0, total=3, pace=0)) == "Bringing customers to Attio: 0 of 3 done."


def test_both_sides_of_a_comparison_are_counted() -> None:
    event = Progress(Stage.COMPARING, done=700, total=1500, people=2100)
    assert line(event) == (
        "Comparing Polar with Attio: 700 of 1,500 customers of Polar and 2,100 marked people of Attio read so far."
    )


def test_a_wait_names_the_answer_and_its_end_instead_of_a_time_left_that_would_not_be_true() -> None:
    until = datetime(2026, 11, 24, 18, 3, 20, tzinfo=UTC)
    event = Progress(
        Stage.WRITING,
        done=3,
        total=9,
        pace=5.0,
        left=1.2,
        waiting_for="Attio answered 429 to POST /v2/objects/people/records, so no request to Attio leaves",
        until=until,
    )
    assert line(event) == (
        "Bringing customers to Attio: 3 of 9 done; Attio answered 429 to POST /v2/objects/people/records, so no "
        "request to Attio leaves until 18:03:20 UTC."
    )


def test_the_wait_for_another_pass_has_an_end_at_the_latest() -> None:
    event = Progress(
        Stage.LEASE,
        waiting_for="another pass is at work (a reconciliation of everything), so this one waits",
        until=datetime(2026, 11, 24, 20, 0, tzinfo=UTC),
    )
    assert line(event) == (
        "Waiting for the right to write; another pass is at work (a reconciliation of everything), so this one waits "
        "until 20:00:00 UTC at the latest."
    )


@pytest.mark.parametrize(("idle", "said"), [(14, False), (15, True)])
def test_silence_of_a_service_is_said_when_it_lasts(idle: float, said: bool) -> None:
    assert ("no progress for 15 s" in line(Progress(Stage.READING, idle=idle))) is said


def test_what_was_read_of_hours_is_counted_with_the_rows_that_cannot_be_read() -> None:
    assert line(SnapshotRead(3, 12, 0, 2)) == "Read 12 customers of 3 hours from Polar, with 2 requests."
    assert line(SnapshotRead(1, 1, 1, 1)) == (
        "Read 1 customer of 1 hour from Polar, and 1 row that cannot be read, with 1 request."
    )


def test_what_is_to_be_brought_is_counted_with_customers_of_other_hours_and_those_deleted() -> None:
    assert line(HoursRead(1, 5, absent=2, retried=3)) == (
        "5 customers in 1 hour to bring to Attio, and 3 of other hours to try again; Polar no longer has 2 that were "
        "seen in these hours."
    )


def test_a_comparison_says_what_is_left_to_do_and_how_long_that_takes_at_least() -> None:
    assert line(Compared(1500, 1, 1, 1499, 20)) == (
        "Compared 1,500 customers of Polar with 1 marked person of Attio: 1 need nothing, 1,499 differ or are new. At "
        "20 writes a second that takes at least 1 min 15 s."
    )
    assert "at least" not in line(Compared(1500, 1500, 1495, 5, 20))


def test_people_without_a_customer_are_named_by_their_links_and_no_line_is_empty() -> None:
    assert sentences(Marks([], [], [])) == []
    (said,) = sentences(Marks(["https://app.attio.com/acme/person/1"], [], []))
    assert said == (
        "1 person marked in Attio as customers, but Polar has no such customer (any more): "
        "https://app.attio.com/acme/person/1."
    )


def test_the_excluded_are_counted_where_there_are_some() -> None:
    (line,) = end(counts={Result.CREATED: 2, Result.EXCLUDED: 1234})

    assert line.endswith("1,236 customers: 2 created, 0 updated, 0 unchanged, 0 rejected, 0 ambiguous, 1,234 excluded.")


def test_a_pass_that_finished_counts_everybody_by_result() -> None:
    assert end() == [
        "Finished after 1 min 20 s and 1,560 requests. 3 customers: 2 created, 0 updated, 0 unchanged, 1 rejected, "
        "0 ambiguous."
    ]
    assert end(counts={}) == ["Finished after 1 min 20 s and 1,560 requests. There was no customer to bring."]


def test_requests_that_were_throttled_are_counted() -> None:
    assert "1,560 requests (12 answered 429)" in end(throttled=12)[0]


def test_those_left_out_have_a_reason_links_and_a_number_of_further_ones() -> None:
    said = end(left_out=[LeftOut(Result.REJECTED, Reason.REFUSED, 7, (LINK,) * 5)])[1]

    assert said.startswith("7 rejected, refused_by_attio: Attio refuses one of the values; `polar-attio explain` with")
    assert said.count(LINK) == 5
    assert said.endswith("; and 2 more, in the ledger (table outcomes).")


def test_few_who_are_left_out_are_all_named() -> None:
    said = end(left_out=[LeftOut(Result.AMBIGUOUS, Reason.SHARED_EMAIL, 1, (LINK,))])[1]

    assert said.startswith("1 ambiguous, shared_email: The person who holds the address is another live customer")
    assert said.endswith(f" {LINK}.")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert words(reason).endswith(".")


@pytest.mark.parametrize(
    ("remaining", "said"),
    [
        (None, "It had not read all customers yet, so it does not know how many remain."),
        (0, "Every customer that it read has an outcome."),
        (124, "124 customers without an outcome: the next pass looks each of them up anew, so that one whose write was "
         "under way is not created twice."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", [Ending.STOPPED, Ending.FAILED])
def test_a_pass_that_ended_early_says_what_remains(how: Ending, remaining: int | None, said: str) -> None:
    assert end(how, remaining=remaining)[1] == said


def test_what_happens_next_is_the_last_word() -> None:
    assert end(Ending.STOPPED, upcoming="It waits for you.")[-1] == "It waits for you."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_pass_over_companies_counts_companies() -> None:
    counts = {Result.CREATED: 1, Result.UNCHANGED: 2}

    assert end(counts=counts, noun="company")[0] == (
        "Finished after 1 min 20 s and 1,560 requests. 3 companies: 1 created, 0 updated, 2 unchanged, 0 rejected, 0 "
        "ambiguous."
    )
    assert end(counts={}, noun="company")[0].endswith("There was no company to bring.")
    assert "4 companies without an outcome" in end(Ending.STOPPED, counts=counts, noun="company", remaining=4)[-1]


def test_an_undo_that_ended_early_counts_values_and_does_not_know_of_customers() -> None:
    lines = end(Ending.FAILED, counts={Result.UPDATED: 2}, noun="value", remaining=None)

    assert "Until then: 2 values: 0 created, 2 updated" in lines[0]
    assert lines[1] == "Every other value is as it was, but for those that were being written just then."


def test_the_customers_of_companies_and_those_of_none_are_counted() -> None:
    assert sentences(Grouped(customers=7, without=1, companies=3, unchanged=1, pending=2)) == [
        "7 customers of 3 domains of businesses; 1 customer without one. 1 company of Attio needs nothing, 2 differ or "
        "are new."
    ]
    assert "; " not in sentences(Grouped(customers=1, without=0, companies=1, unchanged=2, pending=0))[0]
