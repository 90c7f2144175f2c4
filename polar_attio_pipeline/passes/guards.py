"""Guards before the first write: the right organization and workspace, and no sudden drop in customers.

What a guard stops is not lost: a person looks at it, and either corrects the setting or approves the change once, by
`polar-attio approve`. The guard against too many changes is in `brake`.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from polar_attio_pipeline.passes.approvals import (
    FEWER_CUSTOMERS,
    OTHER_OWNER,
    REINSTALL,
    Confirmable,
    Scope,
    StoppedPass,
    note_passed,
    note_stop,
)
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.ports import NoAnswerError, UnavailableError

ORGANIZATION_FACT = "polar_organization_id"
WORKSPACE_FACT = "attio_workspace_id"
UNINSTALLED_FACT = "uninstalled"
"""When the sync was taken out of Attio, ISO 8601; empty where it may write again."""

UNINSTALL = "uninstall"
"""The kind of a pass that takes the sync's values out of Attio."""

CUSTOMERS_FACT = "customers"
"""How many customers the newest complete reading of Polar had."""

FEW = 5
"""Fewer marked people than this say nothing about whose they are."""

SAMPLE = 20
"""Customers asked for one by one, where a sample has to do."""


class GuardError(Exception):
    """A guard has stopped the pass before its first write; the text says why, and what to do."""


class ApprovableError(GuardError):
    """A guard has stopped the pass for something that a person may approve.

    Attributes:
        why: The first of it: what is wrong.
        change: What a person may approve.
    """

    def __init__(self, why: str, correction: str, change: Confirmable) -> None:
        super().__init__(
            f"{why} Nothing was written. {correction} If the change is meant, run `polar-attio approve {change.name}`, "
            "which allows it once, and start the pass again; in Dagster, launch its job with "
            f"`approve: [{change.name}]` in its config."
        )
        self.why = why
        self.change = change


def _insist(context: PassContext, change: Confirmable, error: ApprovableError | None, *, may_confirm: bool) -> None:
    """Go on where a guard found nothing, or where a person has approved what it found.

    Raises:
        GuardError: what was found; it is on record for `polar-attio approve`.
    """
    if not may_confirm:
        if error:
            raise error
        return
    # The approval on record is used up even where the run's config would do: it counts once.
    is_approved = error is not None and (
        context.ledger.take_confirmation(change.name) or change.name in context.approve
    )
    if error and not is_approved:
        stopped = StoppedPass(change.name, Scope(""), context.pass_id, datetime.now(UTC), error.why)
        note_stop(context.ledger, stopped)
        raise error
    note_passed(context.ledger, change.name)


def check_installed(context: PassContext) -> None:
    """Insist that nobody has taken the sync out of Attio: what was cleared would come back.

    Raises:
        GuardError: somebody has.
    """
    since = context.ledger.fact(UNINSTALLED_FACT)
    if not since:
        return
    error = ApprovableError(
        f"The sync was taken out of Attio by `polar-attio uninstall` ({since[:16].replace('T', ' ')} UTC).",
        "Stop what started this pass: Dagster's schedules and sensors, or cron.",
        REINSTALL,
    )
    _insist(context, REINSTALL, error, may_confirm=True)
    context.ledger.set_fact(UNINSTALLED_FACT, "")


async def check_owner(
    context: PassContext,
    organization_id: str | None,
    *,
    strangers: tuple[int, int] | None = None,
    may_confirm: bool = True,
) -> None:
    """Insist that both tokens belong to the organization and the workspace on record.

    With nothing on record, people who are marked in Attio already must for the most part be customers of this
    organization. What passes is put on record.

    Args:
        context: Of the pass.
        organization_id: As the customers say who were read; asked of Polar where there are none.
        strangers: How many Polar ids in Attio are of no customer, and how many there are; a sample if not given.
        may_confirm: False for a pass that writes nothing: it uses up no confirmation and puts nothing on record.

    Raises:
        GuardError: the owner is another one.
    """
    found = {
        ORGANIZATION_FACT: organization_id or await context.polar.organization_id(),
        WORKSPACE_FACT: context.attio.workspace.info.workspace_id,
    }
    on_record = {name: context.ledger.fact(name) for name in found}
    if all(on_record[name] == value for name, value in found.items() if value):
        _insist(context, OTHER_OWNER, None, may_confirm=may_confirm)
        return
    error = _other_owner(found, on_record)
    if error is None and not on_record[ORGANIZATION_FACT] and found[ORGANIZATION_FACT]:
        error = _strangers_error(*(strangers or await _sample_of_strangers(context)))
    _insist(context, OTHER_OWNER, error, may_confirm=may_confirm)
    if may_confirm:
        for name, value in found.items():
            if value:
                context.ledger.set_fact(name, value)


def _strangers_error(strangers: int, known: int) -> ApprovableError | None:
    if known < FEW or strangers * 2 <= known:
        return None
    return ApprovableError(
        f"{strangers} of {known} people who hold a Polar customer id in Attio are unknown to the organization of "
        "POLAR_ACCESS_TOKEN, and no organization is on record here.",
        "Set the token of the organization whose customers they are.",
        OTHER_OWNER,
    )


def _other_owner(found: dict[str, str | None], on_record: dict[str, str | None]) -> ApprovableError | None:
    for name, setting, what in (
        (ORGANIZATION_FACT, "POLAR_ACCESS_TOKEN", "Polar organization"),
        (WORKSPACE_FACT, "ATTIO_API_KEY", "Attio workspace"),
    ):
        before, now = on_record[name], found[name]
        if before and now and before != now:
            return ApprovableError(
                f"{setting} belongs to the {what} {now}, but the one on record here is {before}.",
                f"Set {setting} to a token of the latter.",
                OTHER_OWNER,
            )
    return None


async def _sample_of_strangers(context: PassContext) -> tuple[int, int]:
    """Return how many of a sample of the ids that people in Attio hold Polar does not have, and of how many."""
    ids: list[str] = []
    async for page in context.attio.marked():
        ids = [held for person in page if (held := person_id(person))][:SAMPLE]
        break
    return await count_absent(context, ids)


async def count_absent(context: PassContext, customer_ids: Sequence[str]) -> tuple[int, int]:
    """Ask Polar for customers one by one; return how many do not exist, and how many it could answer about."""
    absent = answered = 0
    for customer_id in customer_ids:
        try:
            exists = await context.polar.exists(customer_id)
        except (NoAnswerError, UnavailableError):
            continue
        answered += 1
        absent += not exists
    return absent, answered


async def check_size(context: PassContext, customer_ids: Collection[str], *, may_confirm: bool = True) -> None:
    """Insist that the number of customers has not shrunk by more than the share that the rules allow.

    Args:
        context: Of the pass.
        customer_ids: Every customer that was read, bad rows included.
        may_confirm: As in `check_owner`.

    Raises:
        UnavailableError: customers are missing from Polar's answer that exist: the answer is not true.
        GuardError: the customers who are missing do not exist; a person has to approve that.
    """
    error = None
    before, now = int(context.ledger.fact(CUSTOMERS_FACT) or 0), len(customer_ids)
    if before - now > max(FEW, context.rules.shrink_max_share * before) or (before and not now):
        missing = context.ledger.not_among(customer_ids)[:SAMPLE]
        absent, answered = await count_absent(context, missing)
        if absent < answered:
            raise UnavailableError(
                f"Polar's answer lacks customers that exist ({answered - absent} of {answered} that were asked for one "
                f"by one): it had {now} customers, where {before} are on record. Nothing was written; the pass is "
                "tried again."
            )
        error = ApprovableError(
            f"Polar has {now} customers, where {before} are on record.",
            "Look in Polar whether so many were deleted.",
            FEWER_CUSTOMERS,
        )
    _insist(context, FEWER_CUSTOMERS, error, may_confirm=may_confirm)
    if may_confirm:
        context.ledger.set_fact(CUSTOMERS_FACT, str(now))
