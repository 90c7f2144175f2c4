"""What a pass over companies reads: customers by the domain of their business, and who of Attio's people they are.

Of customers and people only ids and domains are kept, and of companies what is to be looked at closely.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.polar.ids import canonical_id
from polar_attio_pipeline.sync.audience import Audience, exclusion
from polar_attio_pipeline.sync.companies.domains import business_domain
from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.links import LinkCandidate, may_be_linked
from polar_attio_pipeline.sync.companies.planning import Candidate, CompanyOutcome, contested, done, plan_company
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.records import Customer, Person

AT_A_STRETCH = 100
"""Customers or records looked at in which no request can leave: some milliseconds."""

_Linkable = tuple[str, str | None]
"""The record id of a person, and that of the company which it has."""


@dataclass
class CustomersByDomain:
    """Polar's customers, as they are read.

    Attributes:
        groups: All of them by domain.
        audience: Which customers count.
        deny: As in `business_domain`.
        domains: The domain of each customer that counts, by its id.
        without: How many customers have no address of a business.
    """

    groups: Groups
    audience: Audience
    deny: Collection[str]
    domains: dict[str, str] = field(default_factory=dict)
    without: int = 0
    _teams: dict[str, tuple[Money, ...] | None] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _may_be_any: bool = False

    async def add(self, portions: AsyncIterator[Sequence[Customer]]) -> None:
        """Take in customers with what they pay.

        Raises:
            ApiError: Polar could not be read.
        """
        async for portion in portions:
            for number, customer in enumerate(portion):
                self._add(customer)
                if number % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)  # the lease is renewed meanwhile

    def add_unread(self, rows: Iterable[str]) -> None:
        """Take in customers whom Polar has and cannot show, by their ids, or by something else where no id is known."""
        for row in rows:
            if canonical_id(row):
                self._unread.add(row)
            else:
                self._may_be_any = True

    def add_person(self, person: Person, customer_ids: Collection[str]) -> None:
        """Take in a person, who may say where a customer belongs that has no address of its own, or is not shown.

        Args:
            person: Of Attio.
            customer_ids: Of all customers of Polar whose id is known.
        """
        customer_id = person_id(person)
        if customer_id is None:
            return
        if customer_id in self._unread or (self._may_be_any and customer_id not in customer_ids):
            for domain in self._domains_of(person.emails):
                self.groups.doubt(domain)
        elif customer_id in self._teams:
            mrr = self._teams.pop(customer_id)
            found = self._domains_of(person.emails)
            if len(found) == 1:
                (domain,) = found
                address = next(one for one in person.emails if self._domain_of(one) == domain)
                self._count(customer_id, domain, address, mrr)
                self.without -= 1

    def _add(self, customer: Customer) -> None:
        domain = self._domain_of(customer.address) if customer.address else None
        left_out = exclusion(customer, self.audience)
        mrr = customer.billing.mrr if customer.billing else None
        if left_out and left_out.result is Result.EXCLUDED:
            return
        if left_out and domain:
            self.groups.doubt(domain)
        elif domain and customer.address:
            self._count(customer.id, domain, customer.address, mrr)
        else:
            self.without += 1
            if not customer.address and not left_out:
                self._teams[customer.id] = mrr

    def _count(self, customer_id: str, domain: str, address: str, mrr: tuple[Money, ...] | None) -> None:
        self.groups.add(domain, address, mrr)
        self.domains[customer_id] = domain

    def _domain_of(self, address: str) -> str | None:
        return business_domain(address, deny=self.deny)

    def _domains_of(self, addresses: Iterable[str]) -> set[str]:
        return {domain for address in addresses if (domain := self._domain_of(address))}


@dataclass
class PeopleToLink:
    """The people who may have to be linked to the company of their customer.

    Attributes:
        strangers: How many ids of people belong to no customer.
        known: How many people hold an id.
    """

    strangers: int = 0
    known: int = 0
    _records: dict[str, _Linkable] = field(default_factory=dict)
    _held_before: set[str] = field(default_factory=set)

    def add(self, person: Person, customer_ids: Collection[str]) -> None:
        """Take in a person, after all customers.

        Args:
            person: Of Attio.
            customer_ids: Of all customers of Polar.
        """
        customer_id = person_id(person)
        if customer_id is None:
            return
        self.known += 1
        self.strangers += customer_id not in customer_ids
        if customer_id in self._held_before:
            # Two people hold the id: which of them is the customer is not certain.
            self._records.pop(customer_id, None)
        elif may_be_linked(person, None):
            self._records[customer_id] = (person.record_id, str(person.company.value) if person.company else None)
        self._held_before.add(customer_id)

    def candidates(self, domains: Mapping[str, str], companies: Mapping[str, str]) -> list[LinkCandidate]:
        """Return who may have to be linked, and to which company.

        Args:
            domains: The domain of each customer, by id.
            companies: The record id of the company that holds a domain.
        """
        return [
            LinkCandidate(record_id, customer_id, company)
            for customer_id, (record_id, held) in self._records.items()
            if (company := companies.get(domains.get(customer_id, ""))) and company != held
        ]


@dataclass
class MarkedCompanies:
    """The companies of Attio that are marked, as they are read.

    Attributes:
        count: How many there are.
        left: Links to those that have no customer any more.
        companies: Record id of the company that holds a domain, for the domains of customers.
        unchanged: How many of them need nothing, once `ambiguous` was called.
        left_empty: The outcomes of those that need nothing, and cannot hold all that Polar says.
    """

    groups: Groups
    targets: tuple[Target, ...]
    overwrite_typed: bool
    count: int = 0
    left: list[str] = field(default_factory=list)
    companies: dict[str, str] = field(default_factory=dict)
    left_empty: list[CompanyOutcome] = field(default_factory=list)
    unchanged: int = 0
    _held: set[str] = field(default_factory=set)
    _urls: dict[str, str] = field(default_factory=dict)
    _contested: dict[str, list[str]] = field(default_factory=dict)
    _pending: dict[str, Candidate] = field(default_factory=dict)

    def add(self, record: CompanyRecord) -> None:
        """Take in one company; one that comes twice counts once."""
        if record.record_id in self._urls:
            return
        self.count += 1
        domains = tuple(domain for domain in record.domains if domain in self.groups)
        name = next(iter((*domains, *record.domains)), record.url)
        candidate = Candidate(domains, record.record_id, name)
        self._urls[record.record_id] = record.url
        for domain in domains:
            self._held.add(domain)
            first = self.companies.setdefault(domain, record.record_id)
            if first != record.record_id:
                self._contested.setdefault(domain, [first]).append(record.record_id)
        if not domains:
            self.left.append(record.url)
        plan = plan_company(candidate, record, self.groups, self.targets, overwrite_typed=self.overwrite_typed)
        if plan.writes:
            self._pending[record.record_id] = candidate
        elif plan.left_empty:
            self.left_empty.append(done(plan, record))

    def ambiguous(self) -> list[CompanyOutcome]:
        """Return the outcomes of domains that several companies hold; nothing is written to any of these.

        To be called when all companies were taken in, before what follows from them.
        """
        records = {record_id for several in self._contested.values() for record_id in several}
        self._pending = {one: candidate for one, candidate in self._pending.items() if one not in records}
        self.left_empty = [outcome for outcome in self.left_empty if outcome.record_id not in records]
        self.companies = {domain: one for domain, one in self.companies.items() if one not in records}
        self.unchanged = self.count - len(self._pending) - len(records)
        return [
            contested(Candidate((domain,), None, domain), domain, [self._urls[one] for one in several])
            for domain, several in self._contested.items()
        ]

    def pending(self) -> list[Candidate]:
        """Return the companies to be looked at closely, and those that may have to be created."""
        new = (domain for domain in self.groups.worth_a_company() if domain not in self._held)
        return [*self._pending.values(), *(Candidate((domain,), None, domain) for domain in new)]
