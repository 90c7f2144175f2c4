"""Generated customers: any number, repeatable by a seed, with every shape of name and address."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from polar_attio_pipeline.sandbox.names import COMPANIES, FREE_MAIL, PersonDraft, draw_person
from polar_attio_pipeline.sandbox.polar.changes import ANONYMIZED_DOMAIN
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.seed_billing import STORIES, BillingSeeder

_HOUR = timedelta(hours=1)
_ADDRESSES: tuple[dict[str, str | None], ...] = (
    {"country": "US", "state": "US-CA", "city": "San Francisco", "postal_code": "94104", "line1": "1 Main St"},
    {"country": "US", "state": "US-NY", "city": "New York", "postal_code": "10001", "line1": "350 5th Ave"},
    {"country": "DE", "city": "Berlin", "postal_code": "10115"},
    {"country": "GB", "city": "London", "postal_code": "EC1A 1BB", "line1": "2 Old Street"},
    {"country": "JP", "city": "東京", "postal_code": "100-0001"},
    {"country": "BR", "city": "São Paulo"},
    {"country": "FR"},
    {"country": "IN"},
)
_LOCALES = (None, None, "en", "en-GB", "fr-FR", "de", "ja", "pt-BR")


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of the customers are of which kind; each from 0 to 1.

    Attributes:
        recent: Created in the last 48 hours; the rest over the months before.
        imported: Came in groups of up to seven with one `created_at`, on a whole second.
        teams: Teams without an email.
        ownerless: Of those, the ones that nobody owns either.
        nameless: No name at all.
        subscribed: Hold a subscription, or did; of the others, some bought once. At 0 nobody ever ordered anything.
        anonymized: Live rows that were anonymised, as old ones are.
        refused: At addresses that Attio does not take (`.test`).
    """

    recent: float = 0.2
    imported: float = 0.05
    teams: float = 0.04
    ownerless: float = 0.3
    nameless: float = 0.08
    subscribed: float = 0.6
    anonymized: float = 0.004
    refused: float = 0.004


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody whom the team already has in its CRM, as typed by hand."""

    emails: tuple[str, ...]
    name: str


def seed_customers(  # noqa: PLR0913  # keyword-only: what customers are made of
    polar: PolarWorld,
    *,
    customers: int,
    seed: int,
    now: datetime,
    months: int = 6,
    shares: Shares | None = None,
) -> None:
    """Add so many customers, repeatable by its seed.

    Args:
        polar: Where they are added; its clock is not asked.
        customers: How many.
        seed: The same seed gives the same people.
        now: Nobody was created later.
        months: How far back the oldest were created, in months of 30 days.
        shares: How many of the customers are of which kind.
    """
    seeding = _Seeding(polar, seed, now, shares or Shares())
    for created_at in seeding.creation_times(customers, timedelta(days=30 * months)):
        seeding.add(created_at)


class _Seeding:
    def __init__(self, polar: PolarWorld, seed: int, now: datetime, shares: Shares) -> None:
        self._polar = polar
        self._random = Random(seed)
        self._now = now
        self._shares = shares
        self._count = 0
        self._billing = BillingSeeder(polar.billing, seed, now)

    def creation_times(self, count: int, past: timedelta) -> Iterator[datetime]:
        """Yield that many times, oldest first, as a growing business would have them."""
        times: list[datetime] = []
        while len(times) < count:
            recent = self._random.random() < self._shares.recent
            span = 48 * _HOUR if recent else past
            moment = self._now - timedelta(microseconds=self._random.randrange(1, span // timedelta(microseconds=1)))
            if self._random.random() < self._shares.imported / 4:
                size = self._random.randint(2, 7)
                times.extend([moment.replace(microsecond=0)] * min(size, count - len(times)))
            else:
                times.append(moment)
        return iter(sorted(times))

    def add(self, created_at: datetime) -> None:
        """Add one customer, with what belongs to it."""
        self._count += 1
        if self._random.random() < self._shares.teams:
            row = self._add_team(created_at)
        else:
            row = self._add_individual(created_at)
        if self._random.random() < self._shares.subscribed:
            product, story = self._random.choice(self._billing.products), self._random.choice(STORIES)
            self._billing.subscribe(row.id, row.created_at, product, story)
        elif self._shares.subscribed:
            self._billing.browse(row.id, row.created_at)

    def _add_individual(self, created_at: datetime) -> Customer:
        person = draw_person(self._random)
        name = None if self._random.random() < self._shares.nameless else person.name
        return self._polar.add_customer(
            id=self._polar.new_id(),
            created_at=created_at,
            email=self._free_email(person),
            name=name,
            email_verified=self._random.random() < 0.4,
            **self._extras(),
        )

    def _add_team(self, created_at: datetime) -> Customer:
        company, _ = self._random.choice(COMPANIES)
        row = self._polar.add_customer(created_at=created_at, email=None, name=company, type="team", **self._extras())
        if self._random.random() >= self._shares.ownerless:
            owner = draw_person(self._random)
            self._polar.add_member(row.id, email=self._free_email(owner), name=owner.name)
        return row

    def _extras(self) -> Any:
        draw = self._random.random
        return {
            "external_id": f"usr_{self._count}" if draw() < 0.5 else None,
            "billing_address": self._random.choice(_ADDRESSES) if draw() < 0.3 else None,
            "locale": self._random.choice(_LOCALES),
            "metadata": {"plan_hint": "a", "n": self._count, "ok": True} if draw() < 0.2 else {},
        }

    def _free_email(self, person: PersonDraft) -> str:
        draw = self._random.random()
        if draw < self._shares.anonymized:
            return f"{self._random.getrandbits(256):064x}@{ANONYMIZED_DOMAIN}"
        if draw < self._shares.anonymized + self._shares.refused:
            return f"{person.local}{self._count}@mail.test"
        domain = self._random.choice(COMPANIES)[1] if draw < 0.6 else self._random.choice(FREE_MAIL)
        local = person.local
        if self._random.random() < 0.07:
            local = f"{local}+billing"
        if self._random.random() < 0.15:
            local = local.title()
        email = f"{local}@{domain}"
        return email if self._polar.by_email(email) is None else f"{local}{self._count}@{domain}"


def known_people(polar: PolarWorld, *, seed: int, share: float = 0.05) -> list[KnownPerson]:
    """Return customers whom the team met before, as it typed them: another spelling, another case, a second address."""
    random = Random(seed)
    people = [row for row in polar.customers.values() if row.email and row.name and row.name.isascii()]
    met = random.sample(people, min(len(people), round(len(polar.customers) * share)))
    return [_typed(row, random) for row in met if row.email and row.email.rpartition(".")[2] != "test"]


def _typed(row: Customer, random: Random) -> KnownPerson:
    assert row.email is not None
    assert row.name is not None
    words = row.name.split()
    name = random.choice([row.name.strip(), " ".join(words).title(), f"{words[0]} (met at the fair)"])
    emails = [row.email.lower()]
    if random.random() < 0.3:
        emails.insert(0, f"{random.getrandbits(32):08x}.private@gmail.com")
    return KnownPerson(tuple(emails), name)
