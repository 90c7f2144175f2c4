"""The pass that writes a plan which a person has agreed to: exactly that, as far as it is still true.

Each customer of the plan is read anew, its person looked at anew, and a new plan made. `sync.approval` says whether
that is what was agreed, or the rest of it; if not, nothing is written for this customer, and it is named with what
differs. A pass that was killed is run again: it writes the rest. A second one writes nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.passes.apply_deletions import write_deletions
from polar_attio_pipeline.passes.apply_reading import read_for
from polar_attio_pipeline.passes.guards import check_owner
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.plan_file import PlanFile, PlanFileError
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.approval import Approved, Drift, drift_of, drifted, left_out
from polar_attio_pipeline.sync.deletions import Deletions
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Reason, Result
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.reconciliation import Seen

_GONE = "Polar no longer has the customer."
_NOT_WANTED = "The customer is not to be written any more: the settings say so, or it is left out on purpose."


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan.

    Attributes:
        outcomes: One for each customer of the plan that Polar could be asked for and has. One that has drifted is
            rejected, for the reason `drifted`; such an outcome is in no ledger.
        drifted: Customers, and people of deleted customers, for whom nothing was written because they are not as the
            plan says, with what differs.
        deletions: What was written to people whose customer was deleted.
        unread: Ids of customers that Polar could not be asked for: apply the plan again.
        requests: Made by the pass, to both services.
    """

    outcomes: Sequence[Outcome]
    drifted: Sequence[Drift]
    deletions: Deletions
    unread: Sequence[str]
    requests: int

    @property
    def agreed(self) -> Sequence[Outcome]:
        """The outcomes of customers that are as the plan says, written or not."""
        return [one for one in self.outcomes if one.reason is not Reason.DRIFTED]

    @property
    def deletions_written(self) -> int:
        """How many people of deleted customers were written to."""
        return len({person.record_id for person in (*self.deletions.stated, *self.deletions.unmarked)})

    @property
    def failed(self) -> Sequence[Outcome]:
        """The outcomes of customers that could not be written, or not all of it, although they have not drifted."""
        return [one for one in self.agreed if one.result in FAILED or one.reason is Reason.PARTLY_REFUSED]

    @property
    def is_whole(self) -> bool:
        """Whether everything in the plan is in Attio now."""
        return not (self.drifted or self.failed or self.unread)


@dataclass
class _Approval:
    """The customers of a plan, and which of them have drifted so far."""

    entries: Mapping[str, Approved]
    drifted: dict[str, Drift] = field(default_factory=dict)

    def veto(self, fresh: Plan) -> Outcome | None:
        """Judge a fresh plan, as the engine asks for it."""
        customer_id = fresh.customer.id
        drift = drift_of(fresh, self.entries[customer_id])
        if drift is None:
            return None
        self.drifted[customer_id] = drift
        return drifted(fresh, drift)

    def leave_out(self, customer_id: str, why: str) -> None:
        """Take in that a customer has drifted, for another reason than its attributes."""
        self.drifted[customer_id] = left_out(self.entries[customer_id], why)


async def apply_plan(context: PassContext, plan: PlanFile, *, only: Collection[str] = ()) -> Applied:
    """Write what a plan says, as far as nothing has changed since, and nothing else.

    Args:
        context: Of the pass; its reason is completed with the time and the checksum of the plan.
        plan: The plan, out of its file.
        only: Polar's ids of the customers to write; all of the plan where none is given.

    Raises:
        PlanFileError: the plan is of another organization or workspace, or lacks one of these customers; nothing was
            written.
        GuardError: a token belongs to another organization or workspace than the one on record; nothing was written.
        UnavailableError: a service answers nothing, or another writer did not end.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    chosen = _chosen(plan, only)
    organization = await context.polar.organization_id()
    _check_owner_of(plan, organization, context)
    made = f"{plan.made_at:%Y-%m-%d %H:%M:%S} UTC, {plan.sha256[:12]}"
    context = replace(context, reason=f"{context.reason}: the plan of {made}")
    count = len(chosen.customers) + len(chosen.deleted)
    what = f"an agreed plan for {count:,} {'customer' if count == 1 else 'customers'}"
    async with writing_pass(context, kind="apply", what=what) as work:
        await check_owner(context, organization)
        work.summary.customers = len(chosen.customers)
        approval = _Approval({one.customer_id: one for one in chosen.customers})
        outcomes, unread = await _customers(context, work, approval)
        deletions, orphans = await write_deletions(context, work, chosen.deleted)
        drifts = [*approval.drifted.values(), *orphans]
        applied = Applied(outcomes, drifts, deletions, unread, context.requests())
        work.summary.notes += _notes(applied, orphans)
        return applied


def _chosen(plan: PlanFile, only: Collection[str]) -> PlanFile:
    """Return the part of a plan that is of some customers."""
    if not only:
        return plan
    only = {customer_id.strip().lower() for customer_id in only}
    chosen = replace(
        plan,
        customers=tuple(one for one in plan.customers if one.customer_id in only),
        deleted=tuple(one for one in plan.deleted if one.customer_id in only),
    )
    missing = only - {one.customer_id for one in (*chosen.customers, *chosen.deleted)}
    if missing:
        raise PlanFileError(
            f"The plan writes nothing for {', '.join(sorted(missing))}. Nothing was written. Take the ids of customers "
            "from what `polar-attio plan` has shown."
        )
    return chosen


def _check_owner_of(plan: PlanFile, organization: str | None, context: PassContext) -> None:
    """Insist that a plan is of this organization and this workspace."""
    for token, what, planned, now in (
        ("POLAR_ACCESS_TOKEN", "Polar organization", plan.organization_id, organization),
        ("ATTIO_API_KEY", "Attio workspace", plan.workspace_id, context.attio.workspace.info.workspace_id),
    ):
        if planned and now and planned != now:
            raise PlanFileError(
                f"The plan is of the {what} {planned}, but {token} belongs to {now}. Nothing was written. Apply the "
                "plan with the settings that it was made with, or make a new one with these."
            )


def _notes(applied: Applied, orphans: Sequence[Drift]) -> Iterator[str]:
    """Yield what the story of the pass says beside the customers with an outcome."""
    if applied.deletions_written or orphans:
        yield (
            f"People whose customer was deleted in Polar: {applied.deletions_written:,} updated, {len(orphans):,} left "
            "out because they are not as the plan says any more."
        )
    if applied.unread:
        yield f"Customers of the plan that Polar could not be asked for: {len(applied.unread):,}. Apply it again."


async def _customers(context: PassContext, work: Work, approval: _Approval) -> tuple[list[Outcome], Sequence[str]]:
    """Bring the customers of a plan to Attio, as far as they are as it says."""
    read = await read_for(context, work, list(approval.entries.values()))
    work.reporter.enter(Stage.WRITING, total=work.summary.customers)
    outcomes: list[Outcome] = []

    def keep(known: Sequence[Outcome]) -> None:
        known = [_named(one, approval) for one in known]
        outcomes.extend(known)
        work.summary.add(known)
        # What is on record of the customer stays: that a plan is old says nothing about it.
        work.recorder.record([one for one in known if one.reason is not Reason.DRIFTED])

    for customer_id in read.absent:
        approval.leave_out(customer_id, _GONE)
    keep([_gone(customer_id) for customer_id in read.absent])
    keep(read.unreadable)
    services = context.services(work.recorder)
    records = {one.customer_id: one.record_id for one in approval.entries.values() if one.record_id}
    services = replace(services, memory=Seen(records, services.memory))
    await sync(read.customers, services, keep, veto=approval.veto)
    return outcomes, list(read.unread)


def _named(outcome: Outcome, approval: _Approval) -> Outcome:
    """Return an outcome; as drifted, where the customer is not to be written any more."""
    if outcome.result is not Result.EXCLUDED:
        return outcome
    approval.leave_out(outcome.customer_id, _NOT_WANTED)
    return replace(outcome, result=Result.REJECTED, reason=Reason.DRIFTED, detail=_NOT_WANTED)


def _gone(customer_id: str) -> Outcome:
    return Outcome(customer_id, None, Result.REJECTED, None, reason=Reason.DRIFTED, detail=_GONE)
