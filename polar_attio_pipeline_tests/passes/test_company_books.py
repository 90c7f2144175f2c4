"""Books drawn at random, with people and Attio's automation at work between passes: what must hold after each pass."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline_tests.passes.company_stage import Companies, CompanyView
from polar_attio_pipeline_tests.passes.stage import Stage

DENIED = "umbrella.com"

ADDRESSES: dict[str, str | None] = {
    "ada@acme.com": "acme.com",
    "bob@mail.acme.com": "acme.com",
    "eve@acme.org": "acme.org",
    "joe@globex.co.uk": "globex.co.uk",
    "ops@eu.globex.co.uk": "globex.co.uk",
    "max@xn--bcher-kva.de": "xn--bcher-kva.de",
    "zoe@zoe.dev": "zoe.dev",
    "kim@zoe.dev": "zoe.dev",
    "ann@gmail.com": None,
    "tim@umbrella.com": None,
    "x1@privaterelay.appleid.com": None,
}
"""Each address that a customer may have, and the domain of its business."""

ONLY_PERSONAL = {"zoe@zoe.dev"}
"""Addresses that are named as their domain."""


@dataclass
class World:
    """A book, what people have chosen and typed in Attio, and an account of both that the passes do not share."""

    companies: Companies
    customers: dict[str, Customer] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    paid: dict[str, dict[str, int]] = field(default_factory=dict)
    running: dict[str, list[str]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    typed: dict[str, int] = field(default_factory=dict)

    def any_customer(self, number: int) -> Customer | None:
        ids = sorted(self.customers, key=lambda one: self.addresses[one])
        return self.customers[ids[number % len(ids)]] if ids else None

    def any_person(self, number: int) -> Customer | None:
        customer = self.any_customer(number)
        return customer if customer and self.companies.stage.person_of(customer.id) else None

    def any_company(self, number: int) -> CompanyView | None:
        known = sorted(self.companies.all(), key=lambda company: company.domains)
        return known[number % len(known)] if known else None

    def free_address(self, number: int) -> str | None:
        free = sorted(ADDRESSES.keys() - set(self.addresses.values()))
        return free[number % len(free)] if free else None

    # What happens in Polar.

    def come(self, first: int, second: int) -> None:
        if address := self.free_address(first):
            customer = self.companies.customer(address)
            self.customers[customer.id], self.addresses[customer.id] = customer, address
            self.paid[customer.id], self.running[customer.id] = {}, []
            if second % 2:
                self.subscribe(first, second)

    def subscribe(self, first: int, second: int) -> None:
        if customer := self.any_customer(first):
            currency = "eur" if second % 5 == 4 else "usd"
            amount = (second + 1) * 100
            self.running[customer.id].append(self.companies.subscribe(customer, amount, currency))
            paid = self.paid[customer.id]
            paid[currency] = paid.get(currency, 0) + amount

    def leave(self, first: int, second: int) -> None:
        customer = self.any_customer(first)
        if customer and len(self.customers) > 1:
            self.companies.stage.sandbox.polar.delete_customer(customer.id)
            for account in (self.customers, self.addresses, self.paid, self.running):
                account.pop(customer.id)

    def move(self, first: int, second: int) -> None:
        customer, address = self.any_customer(first), self.free_address(second)
        if customer and address:
            self.companies.stage.sandbox.polar.update_customer(customer.id, email=address)
            self.addresses[customer.id] = address

    def revoke(self, first: int, second: int) -> None:
        if (customer := self.any_customer(first)) and self.running[customer.id]:
            for subscription in self.running[customer.id]:
                self.companies.stage.sandbox.polar.billing.revoke(subscription)
            self.running[customer.id], self.paid[customer.id] = [], {}

    # What people do in Attio.

    def choose(self, first: int, second: int) -> None:
        customer, company = self.any_person(first), self.any_company(second)
        if customer and company:
            self.companies.choose(customer, company.id)
            self.chosen[self.companies.person(customer).id] = company.id

    def clear(self, first: int, second: int) -> None:
        if customer := self.any_person(first):
            self.companies.unlink([customer])
            self.chosen.pop(self.companies.person(customer).id, None)

    def add_address(self, first: int, second: int) -> None:
        """Add an address to a person: Attio's automation moves the person to the company of that."""
        if customer := self.any_person(first):
            person = self.companies.person(customer)
            address = f"{len(person.emails)}@{person.id[:8]}.com"
            self.companies.attio.edit_person(person.id, {"email_addresses": [*person.emails, address]})
            self.companies.stage.sandbox.clock.shift(timedelta(seconds=1))
            self.chosen.pop(person.id, None)

    def type_count(self, first: int, second: int) -> None:
        if company := self.any_company(first):
            self.companies.edit(company.id, {"polar_customer_count": second + 1000})
            self.typed[company.id] = second + 1000

    def add_company(self, first: int, second: int) -> None:
        held = {domain for company in self.companies.all() for domain in company.domains}
        free = sorted({domain for domain in (*ADDRESSES.values(), DENIED) if domain} - held)
        if free:
            self.companies.add(free[first % len(free)], name="By hand")

    def join_domains(self, first: int, second: int) -> None:
        held = {domain for company in self.companies.all() for domain in company.domains}
        company, free = self.any_company(first), sorted({"acme.org", "acme.net", "globex.co.uk"} - held)
        if company and free:
            self.companies.edit(company.id, {"domains": [*company.domains, free[second % len(free)]]})

    def delete_company(self, first: int, second: int) -> None:
        if company := self.any_company(first):
            self.companies.delete(company.id)
            self.typed.pop(company.id, None)
            self.chosen = {person: chosen for person, chosen in self.chosen.items() if chosen != company.id}

    # What has to hold.

    def domains(self) -> dict[str, list[str]]:
        """The customers of each domain."""
        found: dict[str, list[str]] = {}
        for customer_id, address in self.addresses.items():
            if domain := ADDRESSES[address]:
                found.setdefault(domain, []).append(customer_id)
        return found

    def expected(self, company: CompanyView) -> tuple[float, float | None]:
        """Count and revenue of a company."""
        groups = self.domains()
        ids = [one for domain in company.domains for one in groups.get(domain, [])]
        foreign = any(self.paid[one].get("eur") for one in ids)
        return len(ids), None if foreign else sum(self.paid[one].get("usd", 0) for one in ids) / 100

    def check(self) -> None:
        by_domain = {domain: company for company in self.companies.all() for domain in company.domains}
        for domain, ids in self.domains().items():
            is_personal = {self.addresses[one] for one in ids} <= ONLY_PERSONAL
            company = by_domain.get(domain)
            if company is None or not company.values.get("polar_customer"):
                assert is_personal, f"{domain} has customers and no marked company"
                continue
            # One whose address another customer's person has held since before is ambiguous, and no person at all.
            there = [self.customers[one] for one in ids if self.companies.stage.person_of(one)]
            assert all(self.companies.company_of(customer)[0] for customer in there), "somebody is not linked"
        for company in self.companies.all():
            if company.values.get("polar_customer"):
                count, mrr = self.expected(company)
                assert company.values.get("polar_customer_count") == self.typed.get(company.id, count)
                assert company.values.get("polar_mrr") == mrr
        for person, chosen in self.chosen.items():
            assert self.companies.attio.person(person).values.get("company") == chosen, "a person's choice is gone"
        for company_id, count in self.typed.items():
            (held,) = (company for company in self.companies.all() if company.id == company_id)
            assert held.values["polar_customer_count"] == count, "what a person typed is gone"


ACTIONS: dict[str, Callable[[World, int, int], None]] = {
    "come": World.come,
    "subscribe": World.subscribe,
    "leave": World.leave,
    "move": World.move,
    "revoke": World.revoke,
    "choose": World.choose,
    "clear": World.clear,
    "add an address": World.add_address,
    "type a count": World.type_count,
    "add a company": World.add_company,
    "join domains": World.join_domains,
    "delete a company": World.delete_company,
}
ROUND = st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.integers(0, 9), st.integers(0, 9)), max_size=10)
FIRST = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(first=FIRST, rounds=st.lists(ROUND, min_size=1, max_size=3))
def test_each_business_customer_is_linked_and_counted_and_nothing_of_people_is_overwritten(
    first: list[tuple[int, int]], rounds: list[list[tuple[str, int, int]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        # The book is small: a few customers who leave are a large share of it.
        stage.rules = Rules(shrink_max_share=1)
        companies = Companies(stage)
        companies.deny = frozenset({DENIED})
        world = World(companies)
        for one, other in first:
            world.come(one, other)
        for actions in [[], *rounds]:
            for name, one, other in actions:
                ACTIONS[name](world, one, other)
            stage.reconcile()
            companies.run()
            world.check()
            before = companies.attio.writes
            companies.run()
            assert companies.attio.writes == before, "a second pass over companies has written"
            world.check()
        stage.ledger.close()
