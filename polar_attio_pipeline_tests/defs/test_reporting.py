"""What the UI shows: numbers to plot and tables to read, of customers by link and never by name."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from polar_attio_pipeline.defs.markdown import links
from polar_attio_pipeline.defs.reporting import (
    INLINE,
    ROWS_SHOWN,
    Table,
    customer,
    hour_state,
    marked_table,
    numbers,
    outcome_tables,
    totals,
    whole,
)
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

HOUR = datetime(2026, 11, 24, 14, tzinfo=UTC)
ID = "00000000-0000-4000-8000-{:012}"
ADA = ID.format(1)
LINK = partial(customer_url, api_url="https://api.polar.sh", slug="acme")


def outcome(number: int, result: Result, **fields: object) -> Outcome:
    urls = (f"https://app.attio.com/acme/person/{ID.format(number)}",)
    given = {"email": f"{number}@example.com", "created_at": None, "urls": urls}
    return Outcome(customer_id=ID.format(number), result=result, **{**given, **fields})  # type: ignore[arg-type]  # by name


def shown(outcomes: list[Outcome]) -> dict[str, str]:
    return {name: str(value.value) for name, value in outcome_tables("outcomes", outcomes, LINK).items()}


def test_who_is_excluded_is_neither_in_attio_nor_out_of_date() -> None:
    assert totals({Result.CREATED: 2, Result.REJECTED: 1, Result.EXCLUDED: 4}) == {
        "customers": 7,
        "in Attio and up to date": 2,
        "not in Attio or out of date": 1,
    }


def test_every_result_is_a_number_so_that_each_has_a_plot_without_holes() -> None:
    assert numbers({Result.CREATED: 2, Result.REJECTED: 1}, requests=7, seconds=1.23456) == {
        "customers": 3,
        "in Attio and up to date": 2,
        "not in Attio or out of date": 1,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
        "ambiguous": 0,
        "excluded": 0,
        "requests": 7,
        "seconds": 1.235,
    }


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(minutes=32), "open: read until 14:32 UTC, and read again when it is over"),
        (timedelta(minutes=59, seconds=59), "open: read until 14:59 UTC, and read again when it is over"),
        (timedelta(hours=1), "closed: read at 2026-11-24 15:00 UTC, after its end"),
        (timedelta(days=2), "closed: read at 2026-11-26 14:00 UTC, after its end"),
    ],
)
def test_an_hour_says_whether_it_was_over_when_it_was_read(after: timedelta, said: str) -> None:
    assert hour_state(HOUR, HOUR + after) == said


def test_those_who_need_a_human_come_first_with_the_reason_and_the_others_with_what_was_written() -> None:
    table = shown(
        [
            outcome(4, Result.UNCHANGED, urls=()),
            outcome(3, Result.UPDATED, urls=(), changed=("name", "polar_country")),
            outcome(2, Result.CREATED, urls=(), changed=("email_addresses", "name")),
            outcome(1, Result.REJECTED, reason=Reason.NO_EMAIL),
        ]
    )["outcomes"]

    polar = "[00000000](https://polar.sh/dashboard/acme/customers/{})"
    assert table.splitlines() == [
        "| outcome | Polar | Attio | why, or what was written |",
        "| --- | --- | --- | --- |",
        f"| rejected | {polar.format(ADA)} | [open](https://app.attio.com/acme/person/{ADA}) | no_email |",
        f"| created | {polar.format(ID.format(2))} |  | everything |",
        f"| updated | {polar.format(ID.format(3))} |  | name, polar_country |",
        f"| unchanged | {polar.format(ID.format(4))} |  |  |",
    ]


def test_a_table_that_the_ui_would_hide_is_shown_as_far_as_there_is_room_and_whole_behind_a_click() -> None:
    tables = shown([outcome(number, Result.CREATED) for number in range(20)])

    assert list(tables) == ["outcomes", "all outcomes"]
    assert len(tables["outcomes"]) <= INLINE
    rows = tables["outcomes"].count("| created |")
    assert rows >= 4
    assert tables["outcomes"].endswith(f"and {20 - rows} more, see all outcomes, below")
    assert tables["all outcomes"].count("| created |") == 20


def test_a_long_table_is_cut_and_says_how_much_more_there_is() -> None:
    table = shown([outcome(number, Result.CREATED) for number in range(ROWS_SHOWN + 3)])["all outcomes"]

    assert table.count("| created |") == ROWS_SHOWN
    assert table.endswith("\n\nand 3 more, in the ledger table outcomes")


def test_one_row_that_is_too_long_for_the_place_is_shown_behind_a_click() -> None:
    tables = shown([outcome(1, Result.AMBIGUOUS, urls=tuple(f"https://x.example/{n:0100}" for n in range(20)))])

    assert len(tables["outcomes"]) <= INLINE
    assert tables["outcomes"].endswith("and 1 more, see all outcomes, below")
    assert tables["all outcomes"].count("| ambiguous |") == 1


def test_people_who_are_reported_are_shown_by_links() -> None:
    table = marked_table([Marked("r1", "https://x.example/r1", ADA), Marked("r2", "https://x.example/r2", None)], LINK)

    assert table.text().splitlines()[2:] == [
        f"| [open](https://x.example/r1) | [00000000](https://polar.sh/dashboard/acme/customers/{ADA}) |",
        "| [open](https://x.example/r2) | none |",
    ]


def test_what_is_no_id_of_polars_is_no_link() -> None:
    assert customer("row 7 of page 2", LINK) == "row 7 of page 2"


def test_a_table_of_nobody_says_so_and_needs_no_click() -> None:
    assert shown([]) == {"outcomes": "none"}
    assert whole(Table(("a",), [], total=0)).value == "none"


def test_a_cell_cannot_break_out_of_its_table() -> None:
    table = Table(("a", "b"), [("x|y", "two\nlines")], total=1)

    assert table.text().splitlines()[2] == "| x\\|y | two lines |"


def test_a_table_of_some_outcomes_says_how_much_more_there_is_in_all() -> None:
    some = [outcome(number, Result.CREATED) for number in range(ROWS_SHOWN)]

    table = str(outcome_tables("outcomes", some, LINK, total=100_000)["all outcomes"].value)

    assert table.endswith(f"\n\nand {100_000 - ROWS_SHOWN} more, in the ledger table outcomes")


def test_several_records_are_several_links() -> None:
    assert links(("https://a", "https://b")) == "[open](https://a) [open](https://b)"
