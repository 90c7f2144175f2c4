"""What to write for a company: only what differs, never over a human's typing, nothing where it is not certain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups, holders
from polar_attio_pipeline.sync.companies.ports import FoundCompanies
from polar_attio_pipeline.sync.comparison import MARK_KEY
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.planning import Change, differences
from polar_attio_pipeline.sync.records import Value
from polar_attio_pipeline.sync.writes import COMPANIES, DOMAINS_KEY, WrittenValue


@dataclass(frozen=True, slots=True)
class Candidate:
    """A company that is to be looked at closely, and probably written.

    Attributes:
        domains: Those of its customers; empty where no customer has any of its domains.
        record_id: Of a company that was seen to be marked; None where none holds the domain, as far as is known.
        name: What people call it in reports: a domain, or else a link.
    """

    domains: tuple[str, ...]
    record_id: str | None
    name: str


@dataclass(frozen=True, slots=True)
class CompanyPlan:
    """What a pass would do for one company.

    Attributes:
        candidate: Which one it is about.
        record: As the CRM holds it; None for one that is to be created.
        changes: The attributes to write.
        left_empty: Why an attribute cannot hold what Polar says, by key.
    """

    candidate: Candidate
    record: CompanyRecord | None
    changes: tuple[Change, ...]
    left_empty: Mapping[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return self.record is None or bool(self.changes)

    @property
    def values(self) -> dict[str, Value | None]:
        """The attributes to write."""
        return {change.key: change.new for change in self.changes}


@dataclass(frozen=True, slots=True)
class CompanyOutcome:
    """What became of one company in one pass.

    Attributes:
        name: As in `Candidate`.
        domains: As in `Candidate`.
        result: What became of it.
        reason: Why, for rejected and ambiguous; else where a value was refused or an attribute is left empty.
        detail: A sentence: what is wrong and what to do.
        record_id: The company in Attio, where there is exactly one.
        urls: Every Attio record involved.
        changed: The keys of the attributes that were written.
    """

    name: str
    domains: tuple[str, ...]
    result: Result
    reason: Reason | None = None
    detail: str | None = None
    record_id: str | None = None
    urls: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def plan_company(
    candidate: Candidate,
    record: CompanyRecord | None,
    groups: Groups,
    targets: tuple[Target, ...],
    *,
    overwrite_typed: bool,
) -> CompanyPlan:
    """Compare what Polar's customers say of a company with what Attio holds.

    Args:
        candidate: The company.
        record: As Attio holds it; None where there is none.
        groups: All customers by domain. Those of all domains of the record are counted together.
        targets: The attributes of this workspace that may be written.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
    """
    company = groups.of(record.domains if record else candidate.domains[:1])
    held = record.values if record else {}
    mark = held.get(MARK_KEY)
    if company.mark is False and mark and mark.actor != "api-token":
        company = replace(company, mark=None)  # Somebody has set it who need not have customers in mind.
    due = differences(held, wanted(company, targets), targets, overwrite_typed=overwrite_typed)
    return CompanyPlan(candidate, record, due.changes, due.left_empty)


def record_of(candidate: Candidate, found: FoundCompanies) -> CompanyRecord | CompanyOutcome | None:
    """Return the record of a candidate out of a search for it; None where there is none.

    Returns:
        An outcome instead, where it is not certain which record it is.
    """
    spoilt = [key for key in (*candidate.domains, candidate.record_id) if key in found.unsearchable]
    if spoilt:
        return not_taken_company(candidate, "Attio failed on each search for this company.")
    by_domain = holders(found.companies)
    for domain in candidate.domains:
        several = by_domain.get(domain, [])
        if len(several) > 1:
            return contested(candidate, domain, [record.url for record in several])
    by_id = {record.record_id: record for record in found.companies}
    if candidate.record_id in by_id:
        return by_id[candidate.record_id]
    return next((by_domain[domain][0] for domain in candidate.domains if domain in by_domain), None)


def contested(candidate: Candidate, domain: str, urls: Iterable[str]) -> CompanyOutcome:
    """Return the outcome of a company of which several records hold a domain."""
    return CompanyOutcome(
        candidate.name,
        candidate.domains,
        Result.AMBIGUOUS,
        Reason.TWO_RECORDS,
        f"Several companies in Attio hold the domain {domain}: merge them, or take it off all but one.",
        urls=tuple(dict.fromkeys(urls)),
    )


def done(plan: CompanyPlan, record: CompanyRecord) -> CompanyOutcome:
    """Return the outcome of a plan that was carried out, or that had nothing to write."""
    left_empty = "; ".join(f"{key} is left empty: {why}" for key, why in plan.left_empty.items())
    result = Result.CREATED if plan.record is None else Result.UPDATED if plan.changes else Result.UNCHANGED
    return CompanyOutcome(
        plan.candidate.name,
        plan.candidate.domains,
        result,
        Reason.LEFT_EMPTY if left_empty else None,
        f"{left_empty}." if left_empty else None,
        record.record_id,
        (record.url,),
        tuple(change.key for change in plan.changes),
    )


def rejected(candidate: Candidate, reason: Reason, detail: str, record: CompanyRecord | None = None) -> CompanyOutcome:
    """Return the outcome of a company that could not be written."""
    return CompanyOutcome(
        candidate.name,
        candidate.domains,
        Result.REJECTED,
        reason,
        detail,
        record.record_id if record else None,
        (record.url,) if record else (),
    )


def not_taken_company(candidate: Candidate, why: str, record: CompanyRecord | None = None) -> CompanyOutcome:
    """Return the outcome of a company for which a search or a write failed, or was not tried any more."""
    return rejected(candidate, Reason.NOT_TAKEN, f"{why} The next pass tries again.", record)


def intent_of_company(plan: CompanyPlan) -> Intent:
    """Return the write by which a plan will be carried out.

    It belongs to no customer: it is of the business, and stays when a customer is erased from the ledger.
    """
    record = plan.record
    made = () if record else (WrittenValue(DOMAINS_KEY, None, None, plan.candidate.domains[0]),)
    actors = {key: current.actor for key, current in record.values.items()} if record else {}
    written = (WrittenValue(change.key, change.old, actors.get(change.key), change.new) for change in plan.changes)
    return Intent(None, record.record_id if record else None, (*made, *written), COMPANIES)
