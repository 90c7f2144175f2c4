"""One value of a company that the CRM refuses costs that value alone, as `partial_writes` has it for people."""

from dataclasses import dataclass, replace

from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.companies.planning import CompanyOutcome, CompanyPlan, done
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.comparison import MARK_KEY
from polar_attio_pipeline.sync.outcomes import Reason
from polar_attio_pipeline.sync.ports import RecordRefusedError
from polar_attio_pipeline.sync.writes import DOMAINS_KEY


@dataclass(frozen=True, slots=True)
class CarriedCompany:
    """What became of a plan.

    Attributes:
        done: The plan as it was written: without what was refused.
        record: As the CRM answered, or as it was found where nothing of the plan was left to write.
        refusals: For each refusal, the keys among which the refused value is, and the CRM's sentence.
    """

    done: CompanyPlan
    record: CompanyRecord
    refusals: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def answers(self) -> list[tuple[list[str], str | None]]:
        """The keys of what was written, and the CRM's name for the request; nothing where nothing was left to write."""
        keys = [change.key for change in self.done.changes]
        made = [DOMAINS_KEY] if self.done.record is None else []
        return [([*made, *keys], self.record.execution_id)] if self.done.writes else []

    def outcome(self) -> CompanyOutcome:
        """Return the outcome, which names what was refused."""
        outcome = done(self.done, self.record)
        if not self.refusals:
            return outcome
        said = [f"Attio refused {' or '.join(keys)}: {message}" for keys, message in self.refusals]
        cure = "Correct the attribute in Attio; the next pass tries again."
        detail = " ".join(filter(None, [*said, cure, outcome.detail]))
        return replace(outcome, reason=Reason.PARTLY_REFUSED, detail=detail)


async def write_what_is_taken(companies: Companies, due: CompanyPlan) -> CarriedCompany:
    """Write a plan without the values that the CRM refuses; each attempt leaves out one more, so it comes to an end.

    Raises:
        RecordRefusedError: what is refused cannot be left out: the domain, the mark, or something that is not part of
            the plan. Nothing was written.
        DomainTakenError, RecordGoneError, DeniedError, UnavailableError: as for `Companies`.
    """
    rest = due
    refusals: list[tuple[tuple[str, ...], str]] = []
    while True:
        try:
            return CarriedCompany(rest, await _write(companies, rest), tuple(refusals))
        except RecordRefusedError as error:
            optional = [key for key in rest.values if key != MARK_KEY]
            dropped = tuple(optional if error.field is None else [key for key in optional if key == error.field])
            if not dropped:
                raise
            refusals.append((dropped, error.message))
            rest = replace(rest, changes=tuple(change for change in rest.changes if change.key not in dropped))


async def _write(companies: Companies, due: CompanyPlan) -> CompanyRecord:
    if due.record is None:
        return await companies.create(due.values, domain=due.candidate.domains[0])
    return await companies.update(due.record.record_id, due.values) if due.changes else due.record
