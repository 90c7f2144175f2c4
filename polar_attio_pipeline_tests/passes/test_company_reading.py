"""What is kept of customers, people and companies while they are read."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from polar_attio_pipeline.passes.company_reading import CustomersByDomain, MarkedCompanies, PeopleToLink
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.groups import Company, CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.links import LinkCandidate
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Customer, Person
from polar_attio_pipeline.sync.status import Status
from polar_attio_pipeline_tests.sync.builders import customer

ADA, BOB = "3f4ed95a-aaf3-4c2f-9cb2-84f8b6febc3a", "0b1c77ca-9b81-47ba-8d2e-490c74901031"
PAYS = Billing(status=Status.PAYING, mrr=(Money(900, "USD"),))
TARGETS = tuple(Target(attribute, attribute.types[0], currency="USD") for attribute in COMPANY_ATTRIBUTES)


def person(
    customer_id: str, *emails: str, record: str = "p1", company: str | None = None, actor: Actor = "app"
) -> Person:
    held = CurrentValue(company, actor) if company else None
    return Person(record, "", emails, {"polar_customer_id": CurrentValue(customer_id, "api-token")}, held)


async def read(*customers: Customer, audience: Audience = Audience.EVERYBODY) -> CustomersByDomain:
    async def portions() -> AsyncIterator[Sequence[Customer]]:
        yield customers

    found = CustomersByDomain(Groups(), audience, deny=())
    await found.add(portions())
    return found


async def test_a_customer_counts_at_its_domain_with_what_it_pays() -> None:
    found = await read(
        customer(ADA, email="ada@acme.com", billing=PAYS), customer(BOB, email="bob@gmail.com", billing=PAYS)
    )

    assert found.groups.of(["acme.com"]) == Company(True, 1, (Money(900, "USD"),))
    assert (found.domains, found.without) == ({ADA: "acme.com"}, 1)


async def test_of_a_customer_whose_subscriptions_were_not_read_no_revenue_is_known() -> None:
    found = await read(customer(ADA, email="ada@acme.com"))

    assert found.groups.of(["acme.com"]) == Company(True, 1, None)


async def test_a_customer_who_is_not_to_be_written_does_not_count_and_one_of_whom_that_is_not_known_is_a_doubt() -> (
    None
):
    excluded = customer(ADA, email="ada@acme.com", billing=Billing(status=Status.FREE))
    unknown = customer(BOB, email="bob@globex.com")

    found = await read(excluded, unknown, audience=Audience.PAYS_NOW)

    assert "acme.com" not in found.groups
    assert found.groups.of(["globex.com"]).customers is None
    assert (found.domains, found.without) == ({}, 0)


@pytest.mark.parametrize(
    ("emails", "domain"),
    [
        (("owner@acme.com", "owner@gmail.com", "owner@mail.acme.com"), "acme.com"),
        (("owner@acme.com", "owner@globex.com"), None),
        (("owner@gmail.com",), None),
        ((), None),
    ],
)
async def test_a_team_counts_at_the_one_domain_of_its_person(emails: tuple[str, ...], domain: str | None) -> None:
    found = await read(customer(ADA, email=None, type="team", billing=PAYS))
    assert found.without == 1

    found.add_person(person(ADA, *emails), {ADA})

    assert found.domains == ({ADA: domain} if domain else {})
    assert found.without == (0 if domain else 1)


async def test_a_customer_whom_polar_cannot_show_puts_the_domains_of_its_person_in_doubt() -> None:
    found = await read(customer(BOB, email="bob@acme.com", billing=PAYS))
    found.add_unread([ADA])

    found.add_person(person(ADA, "ada@acme.com", "ada@globex.com"), {ADA, BOB})
    found.add_person(person(BOB, "bob@acme.com", "bob@initech.com"), {ADA, BOB})

    assert [found.groups.of([domain]).customers for domain in ("acme.com", "globex.com", "initech.com")] == [
        None,
        None,
        0,
    ]


async def test_a_row_without_an_id_may_be_anybody_who_is_not_among_the_customers() -> None:
    found = await read(customer(BOB, email="bob@acme.com", billing=PAYS))
    found.add_unread(["number 7 of the list"])

    found.add_person(person(BOB, "bob@acme.com"), {BOB})
    assert found.groups.of(["acme.com"]).customers == 1

    found.add_person(person(ADA, "ada@acme.com"), {BOB})
    assert found.groups.of(["acme.com"]).customers is None


def test_a_person_who_may_have_to_be_linked_is_kept_and_one_who_holds_the_company_is_not() -> None:
    people = PeopleToLink()
    for number, (company, actor) in enumerate(
        [(None, "app"), ("acme", "api-token"), ("other", "api-token"), ("other", "app"), ("other", "system")]
    ):
        people.add(person(f"{number}", record=f"p{number}", company=company, actor=actor), set())  # type: ignore[arg-type]

    found = people.candidates({str(number): "acme.com" for number in range(5)}, {"acme.com": "acme"})

    assert found == [LinkCandidate("p0", "0", "acme"), LinkCandidate("p2", "2", "acme")]
    assert people.candidates({"0": "globex.com"}, {"acme.com": "acme"}) == []


def test_of_two_people_who_hold_one_id_neither_is_linked() -> None:
    people = PeopleToLink()
    for record in ("p1", "p2", "p3"):
        people.add(person(ADA, record=record), {ADA})

    assert people.candidates({ADA: "acme.com"}, {"acme.com": "acme"}) == []


def test_ids_that_belong_to_no_customer_are_counted() -> None:
    people = PeopleToLink()
    people.add(person(ADA, record="p1"), {ADA})
    people.add(person(BOB, record="p2"), {ADA})
    people.add(replace(person(BOB, record="p3"), values={}), {ADA})

    assert (people.strangers, people.known) == (1, 2)


def companies(*records: CompanyRecord) -> MarkedCompanies:
    groups = Groups()
    for domain in ("acme.com", "globex.com", "new.com"):
        groups.add(domain, f"somebody@{domain}", ())
    marked = MarkedCompanies(groups, TARGETS, overwrite_typed=False)
    for record in records:
        marked.add(record)
    return marked


def record(record_id: str, *domains: str, count: int | None = None) -> CompanyRecord:
    values = {"polar_customer": CurrentValue(True, "api-token"), "polar_mrr": CurrentValue(Decimal(0), "api-token")}
    if count is not None:
        values["polar_customer_count"] = CurrentValue(Decimal(count), "api-token")
    return CompanyRecord(record_id, f"url/{record_id}", domains, values)


def test_marked_companies_are_settled_pending_or_without_customers_and_other_domains_are_new() -> None:
    marked = companies(record("c1", "acme.com", count=1), record("c2", "globex.com"), record("c3", "old.com", count=0))

    assert marked.ambiguous() == []
    assert [(one.record_id, one.domains) for one in marked.pending()] == [("c2", ("globex.com",)), (None, ("new.com",))]
    assert (marked.count, marked.unchanged, marked.left) == (3, 2, ["url/c3"])
    assert marked.companies == {"acme.com": "c1", "globex.com": "c2"}


def test_a_company_that_comes_twice_counts_once() -> None:
    marked = companies(record("c1", "acme.com", count=1), record("c1", "acme.com", count=1))

    assert marked.ambiguous() == []
    assert (marked.count, marked.unchanged) == (1, 1)


def test_companies_that_share_a_domain_are_ambiguous_and_so_is_all_that_they_hold() -> None:
    marked = companies(record("c1", "acme.com", "globex.com"), record("c2", "acme.com", count=1))

    (outcome,) = marked.ambiguous()

    assert (outcome.name, outcome.urls) == ("acme.com", ("url/c1", "url/c2"))
    assert [one.name for one in marked.pending()] == ["new.com"]
    assert (marked.unchanged, marked.companies) == (0, {})
