"""Passes over companies on the sandbox: what people see of Attio's companies, and what they do to them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from polar_attio_pipeline.passes.companies import CompaniesDone, CompanyRules, sync_companies
from polar_attio_pipeline.sandbox.attio.people import PersonView
from polar_attio_pipeline.sandbox.attio.schema import ActorType
from polar_attio_pipeline.sandbox.attio.store import Record
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES, COMPANY_BY_KEY
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.passes.stage import Stage

COMPANIES = "/v2/objects/companies/records"
SLUGS = {key: key for key in COMPANY_BY_KEY}


@dataclass(frozen=True, slots=True)
class CompanyView:
    """A company as a person sees it: simple values by slug; unset ones are absent."""

    id: str
    domains: tuple[str, ...]
    values: dict[str, Any]
    created_by: str


class Companies:
    """A stage whose workspace has the attributes of companies.

    Attributes:
        deny: The deny list of the passes.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.attio = stage.sandbox.attio
        self.deny: frozenset[str] = frozenset()
        add_attributes(self.attio, COMPANY_ATTRIBUTES, object_slug="companies")

    def run(self, **changes: Any) -> CompaniesDone:
        """Run a pass over companies; raises what it raises."""

        async def run() -> CompaniesDone:
            async with self.stage.context(**changes) as context:
                return await sync_companies(context, CompanyRules(SLUGS, self.deny))

        return asyncio.run(run())

    def whole(self) -> CompaniesDone:
        """Run a reconciliation and then a pass over companies."""
        self.stage.reconcile()
        return self.run()

    def customer(self, address: str, *, mrr: int = 0, currency: str = "usd", **fields: Any) -> Customer:
        """Add a customer by its address, who pays so many cents a month."""
        customer = self.stage.add(address.partition("@")[0], email=address, **fields)
        if mrr:
            self.subscribe(customer, mrr, currency)
        return customer

    def subscribe(self, customer: Customer, mrr: int, currency: str = "usd") -> str:
        billing = self.stage.sandbox.polar.billing
        product = billing.product(f"{mrr} {currency}", amount=mrr, currency=currency)
        return billing.subscribe(customer.id, product, at=self.stage.here + timedelta(hours=1)).id

    def all(self) -> list[CompanyView]:
        with self.attio.settled():
            return [self._view(record) for record in self.attio.store.records(self.attio.companies_type).values()]

    def of(self, domain: str) -> CompanyView:
        """The one company that holds a domain."""
        (found,) = (company for company in self.all() if domain in company.domains)
        return found

    def marked(self) -> dict[str, tuple[Any, Any]]:
        """Count and revenue of the marked companies, by their first domain."""
        return {
            company.domains[0]: (company.values.get("polar_customer_count"), company.values.get("polar_mrr"))
            for company in self.all()
            if company.values.get("polar_customer")
        }

    def add(self, *domains: str, actor: ActorType = "workspace-member", unique: bool = True, **values: Any) -> str:
        """Add a company as a person does; `unique=False` lets a domain in that another one holds."""
        with self.attio.settled():
            given = {"domains": list(domains), **values}
            record = self.attio.records.create(
                self.attio.companies_type, given, self.attio._actor(actor), unique=unique
            )
            return record.id

    def edit(self, company_id: str, values: dict[str, Any], actor: ActorType = "workspace-member") -> None:
        """Make a company's values these."""
        with self.attio.settled():
            record = self.attio.store.record(self.attio.companies_type, company_id)
            self.attio.records.update(record, values, self.attio._actor(actor), lambda _: "replace")

    def delete(self, company_id: str) -> None:
        with self.attio.settled():
            self.attio.records.delete(self.attio.store.record(self.attio.companies_type, company_id))

    def person(self, customer: Customer) -> PersonView:
        found = self.stage.person_of(customer.id)
        assert found is not None
        return found

    def company_of(self, customer: Customer) -> tuple[str | None, str | None]:
        """The company of a customer's person, and who chose it."""
        shown = self.attio.value_history(self.person(customer).id, "company")
        held = [value for value in shown if value["active_until"] is None]
        return (held[0]["target_record_id"], held[0]["created_by_actor"]["type"]) if held else (None, None)

    def choose(self, customer: Customer, company_id: str, actor: ActorType = "workspace-member") -> None:
        """Let somebody choose the company of a customer's person."""
        reference = [{"target_object": "companies", "target_record_id": company_id}]
        self.attio.edit_person(self.person(customer).id, {"company": reference}, actor)

    def unlink(self, customers: Iterable[Customer]) -> None:
        """Let somebody clear the company of people."""
        for customer in customers:
            self.attio.clear_value(self.person(customer).id, "company")

    def _view(self, record: Record) -> CompanyView:
        shown = self.attio.dump(record)["values"]
        simple = {
            slug: held[0].get("value", held[0].get("currency_value"))
            for slug, held in shown.items()
            if held and slug != "domains"
        }
        domains = tuple(value["domain"] for value in shown["domains"])
        return CompanyView(record.id, domains, simple, record.created_by.type)
