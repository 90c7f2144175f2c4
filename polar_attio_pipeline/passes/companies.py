"""The pass over companies: which company each customer belongs to, how many it has, what they pay."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from polar_attio_pipeline.attio.companies import AttioCompanies
from polar_attio_pipeline.passes.all_customers import AllCustomers
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.company_progress import Grouped
from polar_attio_pipeline.passes.company_reading import CustomersByDomain, MarkedCompanies, PeopleToLink
from polar_attio_pipeline.passes.guards import CUSTOMERS_FACT, check_owner, check_size
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.reconciliation import MOST_NOTABLE, counted
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.story import LINKS_SHOWN
from polar_attio_pipeline.sync.companies.engine import CompanyServices, bring_companies
from polar_attio_pipeline.sync.companies.groups import Groups
from polar_attio_pipeline.sync.companies.links import Links, link_people
from polar_attio_pipeline.sync.companies.planning import CompanyOutcome
from polar_attio_pipeline.sync.health import Health
from polar_attio_pipeline.sync.outcomes import FAILED, Reason, Result

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompanyRules:
    """What a pass over companies has to know beside `Rules`; the meanings and defaults stand in `settings`.

    Attributes:
        slugs: The workspace's slug for each attribute key of companies.
        deny: Domains that are no business, in the form of `domains.domain_key`.
    """

    slugs: Mapping[str, str]
    deny: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CompaniesDone:
    """What a pass over companies found and did.

    Attributes:
        counts: Companies by result; a result without any has no entry.
        notable: The first outcomes of each result but unchanged, and of unchanged ones with a reason.
        left: Links to marked companies that have no customer any more.
        links: What became of people who had no company, or one that an earlier pass had linked them to.
        customers: How many customers have an address of a business.
        without: How many have none.
        requests: Requests made, to both services.
    """

    counts: Mapping[Result, int]
    notable: Sequence[CompanyOutcome]
    left: Sequence[str]
    links: Links
    customers: int
    without: int
    requests: int

    @property
    def failed(self) -> list[CompanyOutcome]:
        """The first companies that could not be written, or not wholly."""
        return [one for one in self.notable if one.result in FAILED or one.reason is Reason.PARTLY_REFUSED]


@dataclass
class _Outcomes:
    """Takes outcomes of companies as they become known."""

    work: Work
    companies: dict[str, str]
    notable: list[CompanyOutcome] = field(default_factory=list)
    _kept: Counter[Result] = field(default_factory=Counter)

    def add(self, outcomes: Sequence[CompanyOutcome]) -> None:
        for outcome in outcomes:
            self.work.summary.counts[outcome.result] += 1
            if outcome.record_id:
                self.companies.update(dict.fromkeys(outcome.domains, outcome.record_id))
            is_notable = outcome.result is not Result.UNCHANGED or outcome.reason is not None
            if is_notable and self._kept[outcome.result] < MOST_NOTABLE:
                self._kept[outcome.result] += 1
                self.notable.append(outcome)
                if outcome.result in FAILED or outcome.reason is Reason.PARTLY_REFUSED:
                    _log.warning("Company %s, %s: %s", outcome.name, outcome.result, outcome.detail)
        self.work.reporter.advance(len(outcomes))
        self.work.record([])


async def sync_companies(context: PassContext, rules: CompanyRules) -> CompaniesDone:
    """Group all customers by the domain of their business, bring what differs to Attio's companies, and link people.

    Raises:
        ConfigurationError: companies in the workspace are not as the sync needs them.
        GuardError: a token belongs to another organization or workspace, or Polar has far fewer customers than before;
            nothing was written.
        UnavailableError: a service answers nothing, another writer did not end, or one kind of request failed for very
            many companies.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    # The run that it is part of may be a pass of its own, with a row in the ledger.
    context = replace(context, pass_id=f"{context.pass_id}-companies")
    companies = await AttioCompanies.connect(context.attio.api, rules.slugs)
    what = "a pass over all companies"
    async with writing_pass(context, kind="companies", what=what, companies=companies) as work:
        work.summary.noun = "company"
        groups = Groups(unmark=context.rules.unmark_orphaned)
        customers = CustomersByDomain(groups, context.rules.audience, rules.deny)
        people = await _read(context, companies, customers, work)
        services = _services(context, companies, work)
        marked = MarkedCompanies(groups, services.targets, services.overwrite_typed)
        async for page in companies.marked():
            for record in page:
                marked.add(record)
        if len(marked.left) > context.rules.unmark_max_share * marked.count:
            groups.keep_marks()
        return await _bring(context, services, work, customers=customers, people=people, marked=marked)


async def _read(
    context: PassContext, companies: AttioCompanies, customers: CustomersByDomain, work: Work
) -> PeopleToLink:
    """Read all customers and then all marked people, and judge by both whether anything may be written."""
    work.reporter.enter(Stage.COMPARING)
    before = int(context.ledger.fact(CUSTOMERS_FACT) or 0)
    billing = BillingReader(
        context.polar,
        companies.targets,
        audience=context.rules.audience,
        note=work.summary.notes.append,
        report=work.reporter.send,
    )
    everybody = AllCustomers(context.polar, is_first_import=False)
    await customers.add(billing.all(counted(everybody, work.reporter)))
    customers.add_unread(outcome.customer_id for outcome in everybody.unreadable())
    ids = frozenset(everybody.ids())
    people = PeopleToLink()
    async for page in context.attio.marked(expected=before):
        work.reporter.advance(people=len(page))
        for person in page:
            customers.add_person(person, ids)
            people.add(person, ids)
    await check_owner(context, everybody.organization_id, strangers=(people.strangers, people.known))
    # Where no reconciliation has read Polar yet, its first import is still to come, and reads in another way.
    await check_size(context, ids, may_confirm=before > 0)
    return people


def _services(context: PassContext, companies: AttioCompanies, work: Work) -> CompanyServices:
    """Return what the engine works with; attributes that need a scope which the token lacks are not written."""
    missing = context.polar.billing.missing
    return CompanyServices(
        companies=companies,
        targets=tuple(target for target in companies.targets if target.attribute.scope not in missing),
        health=Health(companies.is_answering),
        overwrite_typed=context.rules.overwrite_typed,
        history=work.recorder,
        pace=context.pace,
        is_stopping=context.stop.is_requested,
    )


async def _bring(  # noqa: PLR0913  # what was read, each by its name
    context: PassContext,
    services: CompanyServices,
    work: Work,
    *,
    customers: CustomersByDomain,
    people: PeopleToLink,
    marked: MarkedCompanies,
) -> CompaniesDone:
    ambiguous = marked.ambiguous()
    pending = marked.pending()
    outcomes = _Outcomes(work, marked.companies)
    outcomes.add([*ambiguous, *marked.left_empty])
    work.summary.counts[Result.UNCHANGED] += marked.unchanged - len(marked.left_empty)
    work.summary.customers = marked.unchanged + len(ambiguous) + len(pending)
    work.reporter.send(
        Grouped(
            customers=len(customers.domains),
            without=customers.without,
            companies=len(customers.groups),
            unchanged=marked.unchanged,
            pending=len(pending),
        )
    )
    work.reporter.enter(Stage.COMPANIES, total=len(pending))
    await bring_companies(pending, customers.groups, services, outcomes.add)
    skipped = context.ledger.skipped()
    candidates = [
        one for one in people.candidates(customers.domains, marked.companies) if one.customer_id not in skipped
    ]
    work.reporter.enter(Stage.LINKS, total=len(candidates))

    def seen(count: int) -> None:
        work.reporter.advance(count)
        work.record([])

    links = await link_people(candidates, context.attio, context.ledger, services, seen)
    for customer_id, why in islice(links.failed.items(), MOST_NOTABLE):
        said = "The person of customer %s could not be linked to its company: %s"
        _log.warning(said, customer_id, why, extra={"polar_attio": {"customer_id": customer_id}})
    done = CompaniesDone(
        counts={result: number for result, number in work.counts.items() if number},
        notable=outcomes.notable,
        left=marked.left,
        links=links,
        customers=len(customers.domains),
        without=customers.without,
        requests=context.requests(),
    )
    work.summary.notes += _notes(done)
    services.health.check()
    return done


def _notes(done: CompaniesDone) -> list[str]:
    """Return what a person should know at the end, in sentences: domains, links and ids only."""
    notes = []
    if done.failed:
        named = [f"{one.name} ({one.reason}) {' '.join(one.urls)}".rstrip() for one in done.failed]
        notes.append(f"Companies that could not be written, or not wholly: {_some(named)}.")
    empty = [one for one in done.notable if one.reason is Reason.LEFT_EMPTY]
    if empty:
        named = [f"{one.name}: {(one.detail or '').rstrip('.')}" for one in empty]
        notes.append(f"Companies with a value that Attio cannot hold: {_some(named)}.")
    if done.left:
        notes.append(f"Marked companies without a customer: {_some(done.left)}.")
    if done.links.linked or done.links.moved:
        notes.append(f"People linked to their company: {done.links.linked:,}, moved to another: {done.links.moved:,}.")
    if done.links.failed:
        notes.append(f"People who could not be linked, by their customer: {_some(list(done.links.failed))}.")
    return notes


def _some(listed: Sequence[str]) -> str:
    more = f"; and {len(listed) - LINKS_SHOWN:,} more" if len(listed) > LINKS_SHOWN else ""
    return "; ".join(listed[:LINKS_SHOWN]) + more
