"""What the UI shows: numbers to plot and tables to read, of customers by id and never by name."""

from polar_attio_pipeline.defs.reporting import ROWS_SHOWN, links, marked_table, numbers, outcome_table, table
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result


def outcome(customer_id: str, result: Result, **fields: object) -> Outcome:
    given = {"email": f"{customer_id}@example.com", "created_at": None, "urls": (f"https://x.example/{customer_id}",)}
    return Outcome(customer_id=customer_id, result=result, **{**given, **fields})  # type: ignore[arg-type]  # by name


def lines(text: str | None) -> list[str]:
    return (text or "").splitlines()


def test_every_result_is_a_number_so_that_each_has_a_plot_without_holes() -> None:
    assert numbers({Result.CREATED: 2, Result.REJECTED: 1}, requests=7, seconds=1.23456) == {
        "customers": 3,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
        "ambiguous": 0,
        "requests": 7,
        "seconds": 1.235,
    }


def test_those_who_need_a_human_come_first_with_the_reason_and_the_others_with_what_was_written() -> None:
    shown = outcome_table(
        [
            outcome("d", Result.UNCHANGED),
            outcome("c", Result.UPDATED, changed=("name", "polar_country")),
            outcome("b", Result.CREATED, changed=("email_addresses", "name")),
            outcome("a", Result.REJECTED, reason=Reason.NO_EMAIL),
        ]
    )

    assert lines(shown.md_str) == [
        "| outcome | Polar customer | Attio | why, or what was written |",
        "| --- | --- | --- | --- |",
        "| rejected | `a` | [open](https://x.example/a) | no_email |",
        "| created | `b` | [open](https://x.example/b) | everything |",
        "| updated | `c` | [open](https://x.example/c) | name, polar_country |",
        "| unchanged | `d` | [open](https://x.example/d) |  |",
    ]


def test_people_who_are_reported_are_shown_by_link_and_id() -> None:
    shown = marked_table([Marked("r1", "https://x.example/r1", "ada"), Marked("r2", "https://x.example/r2", None)])

    assert lines(shown.md_str)[2:] == [
        "| [open](https://x.example/r1) | `ada` |",
        "| [open](https://x.example/r2) | `none` |",
    ]


def test_a_table_of_nobody_says_so() -> None:
    assert table(("a",), []).md_str == "none"


def test_a_cell_cannot_break_out_of_its_table() -> None:
    assert lines(table(("a", "b"), [("x|y", "two\nlines")]).md_str)[2] == "| x\\|y | two lines |"


def test_a_long_table_is_cut_and_says_how_much_more_there_is() -> None:
    shown = lines(table(("a",), [(str(number),) for number in range(ROWS_SHOWN + 3)]).md_str)

    assert len(shown) == 2 + ROWS_SHOWN + 2
    assert shown[-1] == "and 3 more, in the ledger table outcomes"


def test_a_table_of_the_first_rows_says_how_much_more_there_is_in_all() -> None:
    shown = lines(table(("a",), [(str(number),) for number in range(ROWS_SHOWN)], count=100_000).md_str)

    assert shown[-1] == f"and {100_000 - ROWS_SHOWN} more, in the ledger table outcomes"
    assert lines(table(("a",), [("x",)], count=1).md_str)[-1] == "| x |"


def test_several_records_are_several_links() -> None:
    assert links(("https://a", "https://b")) == "[open](https://a) [open](https://b)"
