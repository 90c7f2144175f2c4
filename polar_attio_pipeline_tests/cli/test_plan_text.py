"""The plan at 80 columns: totals first, then at most five examples of each kind of change."""

from decimal import Decimal

from polar_attio_pipeline.cli.plan_text import EXAMPLES, text
from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.passes.preview_rows import by_attribute, rows
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.outcomes import unreadable
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Action, Change, Plan
from polar_attio_pipeline_tests.sync.builders import customer, person, planned

STATUS = Change("polar_status", "Paying", "Churned")
CLEARED = Change("polar_mrr", Decimal(10), None)


def update(number: int, *changes: Change, kept: tuple[Change, ...] = ()) -> Plan:
    held = person(f"{number:08}-0000-4000-8000-000000000000")
    who = customer(f"{number:08}-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    action = Action.UPDATE if changes else Action.KEEP
    return Plan(who, Match(Case.KNOWN, held, (held,)), action, changes, kept)


def create(number: int) -> Plan:
    address = f"customer-{number}@example.com"
    changes = (Change(EMAILS_KEY, None, address), Change("polar_customer", None, True))
    who = customer(f"{number:08}-bbbb-4bbb-8bbb-bbbbbbbbbbbb", address)
    return Plan(who, Match(Case.NEW), Action.CREATE, changes)


PREVIEW = Preview(
    plans=[
        *(update(number, STATUS, CLEARED) for number in range(7)),
        update(8, Change("polar_country", None, "GB"), kept=(Change("name", "Countess", "Ada"),)),
        *(create(number) for number in range(12)),
        planned(Action.ASK, Case.TWO_RECORDS, person("r1"), person("r2")),
    ],
    failed=[unreadable("12 from the end", field="created_at", message="Field required.")],
    unchanged=1234,
    excluded=3,
    notes=["Polar's orders could not be read, so what follows from them stays as it is in Attio: Polar answered 500."],
)


def lines(width: int = 80) -> list[str]:
    return list(text(PREVIEW.counts(), list(rows(PREVIEW)), PREVIEW.notes, width=width))


def test_the_whole_page_at_80_columns() -> None:
    assert lines()[:17] == [
        "1,259 customers, 12 to create, 8 to update, 1,234 to keep, 1 to reject, 1 to ask",
        "a human, 3 to exclude.",
        "Polar's orders could not be read, so what follows from them stays as it is in",
        "Attio: Polar answered 500.",
        "",
        "Fields to write          in new people           set        change         clear",
        "email_addresses                     12             0             0             0",
        "polar_customer                      12             0             0             0",
        "polar_country                        0             1             0             0",
        "polar_status                         0             0             7             0",
        "polar_mrr                            0             0             0             7",
        "",
        "New people, 12",
        "  00000000-bbbb-4bbb-8bbb-bbbbbbbbbbbb  customer-0@example.com",
        "  00000001-bbbb-4bbb-8bbb-bbbbbbbbbbbb  customer-1@example.com",
        "  00000002-bbbb-4bbb-8bbb-bbbbbbbbbbbb  customer-2@example.com",
        "  00000003-bbbb-4bbb-8bbb-bbbbbbbbbbbb  customer-3@example.com",
    ]


def test_no_line_is_longer_than_the_terminal_but_for_a_link() -> None:
    assert all(len(line) <= 80 or "https://" in line for line in lines())


def test_each_kind_of_change_has_at_most_five_examples_and_says_how_many_more() -> None:
    found = lines()
    begin = found.index("polar_status: changed, 7")

    assert all(line.endswith("Paying -> Churned") for line in found[begin + 1 : begin + 1 + EXAMPLES])
    assert found[begin + 1 + EXAMPLES] == "  and 2 more (--json has all)"


def test_clearing_reads_as_a_change_to_nothing() -> None:
    found = lines()

    assert found[found.index("polar_mrr: cleared, 7") + 1].endswith("  10.00 -> nothing")


def test_what_is_left_alone_rejected_or_to_be_decided_is_shown_too() -> None:
    found = lines()

    assert any(line.startswith("name: differs, but is left alone") for line in found)
    assert "Rejected (unreadable_in_polar), 1" in found
    assert "A human has to decide (two_records), 1" in found


def test_every_field_that_would_be_written_is_counted_once() -> None:
    counted = by_attribute(rows(PREVIEW))

    assert sum(sum(kinds.values()) for kinds in counted.values()) == sum(len(plan.changes) for plan in PREVIEW.plans)


def test_an_attribute_that_is_left_empty_is_named_with_the_reason() -> None:
    held = person("r1")
    plan = Plan(
        customer(), Match(Case.KNOWN, held, (held,)), Action.KEEP, left_empty={"polar_mrr": "it is paid in EUR"}
    )

    (row,) = rows(Preview([plan], [], 0))

    assert (row["kind"], row["field"], row["note"]) == ("left empty", "polar_mrr", "left empty: it is paid in EUR")


def test_the_long_slug_of_a_mapped_attribute_keeps_the_columns_in_line_and_stands_after_all_others() -> None:
    slug = "the_tier_that_marketing_gave_the_customer"
    preview = Preview([update(1, STATUS, Change(slug, None, "pro"))], [], 0)

    head, status, mapped = list(text(preview.counts(), list(rows(preview))))[2:5]

    assert mapped.startswith("the_tier_that_market... ")
    assert status.startswith("polar_status")
    assert len(head) == len(status) == len(mapped) <= 80
