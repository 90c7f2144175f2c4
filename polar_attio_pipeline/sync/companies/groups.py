"""The companies that customers belong to: their domains, how many customers they have, what these pay."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.companies.domains import domain_key, is_named_after
from polar_attio_pipeline.sync.money import Money, totals
from polar_attio_pipeline.sync.records import CurrentValue


@dataclass(frozen=True, slots=True)
class Company:
    """One company, as Polar's customers make it.

    Attributes:
        mark: Whether it is to be marked as having customers; None where the mark is to stay as it is.
        customers: How many customers it has; None where that is not known.
        mrr: Monthly recurring revenue of all of them, each currency by itself; None where it is not known. Empty is
            zero.
    """

    mark: bool | None
    customers: int | None
    mrr: tuple[Money, ...] | None


@dataclass(frozen=True, slots=True)
class CompanyRecord:
    """One company of Attio, reduced to what the sync looks at.

    Attributes:
        record_id: Attio's record id. A cache: a merge in Attio ends it.
        url: Where a human opens the record.
        domains: Every domain of the record, in the form of `domain_key`.
        values: What it holds, by attribute key; an unset attribute is absent.
        execution_id: The CRM's name for the write that this is the answer to; None of a company that was searched for.
    """

    record_id: str
    url: str
    domains: tuple[str, ...]
    values: Mapping[str, CurrentValue] = field(default_factory=dict)
    execution_id: str | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Group:
    customers: int = 0
    revenue: tuple[Money, ...] | None = ()
    is_personal: bool = True


class Groups:
    """All customers of Polar by the domain of their business. Memory grows with the domains, not with the customers.

    Args:
        unmark: Whether the mark of a company is taken off that has no customer any more.
    """

    def __init__(self, *, unmark: bool = False) -> None:
        self._unmark = unmark
        self._groups: dict[str, _Group] = {}
        self._uncertain: set[str] = set()

    def add(self, domain: str, address: str, mrr: tuple[Money, ...] | None) -> None:
        """Take in one customer.

        Args:
            domain: As `business_domain` says.
            address: Which it was taken from.
            mrr: The customer's monthly recurring revenue; None where it is not known.
        """
        group = self._groups.setdefault(domain, _Group())
        group.customers += 1
        group.revenue = None if mrr is None or group.revenue is None else totals((*group.revenue, *mrr))
        group.is_personal = group.is_personal and is_named_after(address, domain)

    def keep_marks(self) -> None:
        """Take no mark off."""
        self._unmark = False

    def doubt(self, domain: str) -> None:
        """Take in that a domain may have another customer, whom Polar cannot show: its numbers are not known."""
        self._uncertain.add(domain)

    def __contains__(self, domain: str) -> bool:
        """Tell whether a customer has an address of this domain."""
        return domain in self._groups

    def __len__(self) -> int:
        """Return how many domains there are."""
        return len(self._groups)

    def worth_a_company(self) -> list[str]:
        """Return the domains, in alphabetical order, of which a company is made where there is none.

        One whose every customer is named as the domain is none of them: it is a person's own. A company that is marked
        already is kept true all the same.
        """
        return sorted(domain for domain, group in self._groups.items() if not group.is_personal)

    def of(self, domains: Collection[str]) -> Company:
        """Return the company that holds these domains, together."""
        groups = [self._groups[domain] for domain in domains if domain in self._groups]
        is_certain = self._uncertain.isdisjoint(domains)
        customers = sum(group.customers for group in groups)
        mark = True if groups else (False if self._unmark and is_certain else None)
        return Company(mark, customers if is_certain else None, _together(groups) if is_certain else None)


def _together(groups: Iterable[_Group]) -> tuple[Money, ...] | None:
    amounts: list[Money] = []
    for group in groups:
        if group.revenue is None:
            return None
        amounts += group.revenue
    return tuple(money for money in totals(amounts) if money.minor)


def domains_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the domains that a record of Attio holds in the form that they are compared in, each once."""
    return tuple(dict.fromkeys(map(domain_key, texts)))


def holders(records: Iterable[CompanyRecord]) -> dict[str, list[CompanyRecord]]:
    """Return the records that hold each domain: one, unless the workspace is older than Attio's rule."""
    found: dict[str, list[CompanyRecord]] = {}
    for record in {record.record_id: record for record in records}.values():
        for domain in record.domains:
            found.setdefault(domain, []).append(record)
    return found
