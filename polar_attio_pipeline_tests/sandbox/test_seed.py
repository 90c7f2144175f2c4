"""The seeded book: repeatable, of any size, with every shape of customer in it."""

import unicodedata
from collections import Counter
from datetime import timedelta

import pytest

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.seed import Shares, known_people, seed_customers
from polar_attio_pipeline_tests.sandbox.conftest import NOW

SAFE = ("example.com", "example.org", "example.net", "mail.test", "anonymized.polar.sh")
FREE_MAIL = {"gmail.com", "outlook.com", "proton.me", "icloud.com", "yahoo.com", "gmx.de"}


def a_book(*, customers: int = 1000, seed: int = 1, shares: Shares | None = None) -> PolarWorld:
    polar = PolarWorld(lambda: NOW, seed=1)
    seed_customers(polar, customers=customers, seed=seed, now=NOW, shares=shares)
    return polar


@pytest.fixture(scope="module")
def book() -> PolarWorld:
    return a_book()


@pytest.fixture(scope="module")
def rows(book: PolarWorld) -> list[Customer]:
    return list(book.customers.values())


@pytest.mark.parametrize("size", [0, 1, 7, 300])
def test_it_has_the_size_that_was_asked_for(size: int) -> None:
    assert len(a_book(customers=size).customers) == size


def test_the_same_seed_gives_the_same_book_and_another_another(book: PolarWorld) -> None:
    assert a_book().customers == book.customers
    assert a_book(seed=2).customers != book.customers


def test_nobody_is_from_the_future_and_a_fifth_from_the_last_two_days(rows: list[Customer]) -> None:
    ages = [NOW - row.created_at for row in rows]
    assert min(ages) > timedelta(0)
    assert timedelta(days=150) < max(ages) <= timedelta(days=180)
    recent = sum(age <= timedelta(hours=48) for age in ages)
    assert 0.15 < recent / len(rows) < 0.25


def test_most_of_the_last_48_hours_have_somebody(rows: list[Customer]) -> None:
    hours = {int((NOW - row.created_at) / timedelta(hours=1)) for row in rows}
    assert len(hours & set(range(48))) > 40


def test_some_came_together_on_a_whole_second(rows: list[Customer]) -> None:
    groups = [(at, size) for at, size in Counter(row.created_at for row in rows).items() if size > 1]
    assert groups
    assert all(at.microsecond == 0 and size <= 7 for at, size in groups)


def test_names_are_of_many_scripts_and_shapes(rows: list[Customer]) -> None:
    names = [row.name for row in rows if row.name]
    scripts = {unicodedata.name(letter).split()[0] for name in names for letter in name if letter.isalpha()}
    assert scripts >= {"LATIN", "CJK", "CYRILLIC", "ARABIC", "GREEK", "HEBREW", "DEVANAGARI", "HANGUL", "THAI"}
    assert any("@" in name for name in names)
    assert any(len(name.split()) == 1 for name in names)
    assert any(name != name.strip() for name in names)
    assert any(name.endswith("Jr.") for name in names)
    assert any("van der" in name for name in names)
    assert len(names) < len(rows)


def test_emails_are_of_every_kind_and_reach_nobody(rows: list[Customer]) -> None:
    emails = [row.email for row in rows if row.email]
    domains = {email.rpartition("@")[2] for email in emails}
    assert all(domain.endswith(SAFE) for domain in domains - FREE_MAIL)
    assert domains & FREE_MAIL
    assert any(email != email.lower() for email in emails)
    assert any("+" in email for email in emails)
    assert len({email.lower() for email in emails}) == len(emails)


def test_some_addresses_are_anonymised_or_refused_by_attio(rows: list[Customer]) -> None:
    domains = Counter((row.email or "").rpartition("@")[2] for row in rows)
    assert 0 < domains["anonymized.polar.sh"] < 15
    assert 0 < domains["mail.test"] < 15


def test_teams_have_no_email_and_mostly_an_owner(book: PolarWorld, rows: list[Customer]) -> None:
    teams = [row for row in rows if row.type == "team"]
    owned = [row for row in teams if list(book.members_of(row))]
    assert 20 < len(teams) < 70
    assert len(teams) > len(owned) > len(teams) / 2
    assert {row.email for row in teams} == {None}
    assert all(row.email for row in rows if row.type == "individual")


def test_most_have_a_subscription_and_some_an_address(book: PolarWorld, rows: list[Customer]) -> None:
    assert 500 < len({row.customer_id for row in book.subscriptions if row.started_at is not None}) < 700
    assert 200 < sum(row.billing_address is not None for row in rows) < 400


def test_every_state_of_billing_has_somebody(book: PolarWorld) -> None:
    assert {row.status for row in book.subscriptions} == {
        "incomplete",
        "trialing",
        "active",
        "past_due",
        "canceled",
        "unpaid",
        "paused",
    }
    assert {row.currency for row in book.subscriptions} == {"usd", "eur", "jpy"}
    assert {row.status for row in book.orders} == {"paid", "pending", "refunded", "partially_refunded"}
    active = [row for row in book.subscriptions if row.status == "active"]
    assert any(row.cancel_at_period_end for row in active)
    assert any(row.amount == 0 for row in active)
    assert any(row.seats for row in active)
    assert any(row.discount for row in active)
    held = Counter(row.customer_id for row in book.subscriptions)
    assert any(count == 2 for count in held.values())
    buyers = {row.customer_id for row in book.orders}
    assert any(row.billing_reason == "purchase" for row in book.orders)
    assert buyers < book.customers.keys()


def test_nothing_was_ordered_before_the_customer_was_there_nor_in_the_future(book: PolarWorld) -> None:
    assert all(book.customers[row.customer_id].created_at <= row.created_at <= NOW for row in book.orders)
    assert all(row.current_period_end > NOW for row in book.subscriptions if row.status in {"active", "trialing"})
    assert all(event.timestamp <= NOW for event in book.events.ordered(("timestamp",))[0])


def test_the_same_seed_gives_the_same_billing(book: PolarWorld) -> None:
    again = a_book()
    assert list(again.subscriptions) == list(book.subscriptions)
    assert list(again.orders) == list(book.orders)


def test_every_share_can_be_turned_to_nothing() -> None:
    nothing = Shares(recent=0, imported=0, teams=0, ownerless=0, nameless=0, subscribed=0, anonymized=0, refused=0)
    rows = list(a_book(customers=300, shares=nothing).customers.values())
    assert len({row.created_at for row in rows}) == 300
    assert all(row.email and row.name and not row.email.endswith(".test") for row in rows)


def test_known_people_are_customers_as_somebody_else_typed_them(book: PolarWorld) -> None:
    known = known_people(book, seed=1)
    assert 30 < len(known) <= 50
    assert known == known_people(book, seed=1)
    customers = [book.by_email(person.emails[-1]) for person in known]
    assert all(customers)
    assert any(row and row.name != person.name for row, person in zip(customers, known, strict=True))
    assert any(len(person.emails) == 2 for person in known)
    assert len({email for person in known for email in person.emails}) == sum(len(person.emails) for person in known)
