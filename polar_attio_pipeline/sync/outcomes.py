"""What became of each customer in a pass: exactly one outcome, with a reason from a closed list."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from polar_attio_pipeline.sync.matching import DESCRIPTIONS, Case
from polar_attio_pipeline.sync.partial_writes import Refusal
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.records import Customer, Person


class Result(StrEnum):
    """What can become of a customer. An excluded one is not in Attio, because the setting of who is written says so."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    EXCLUDED = "excluded"


WHOLE_ROW = "the whole row"
"""The field of a row that cannot be read at all; the message then says everything."""

FAILED = frozenset({Result.REJECTED, Result.AMBIGUOUS})
"""The results that a human should look at; each later pass tries them again with fresh data."""


class Reason(StrEnum):
    """Why a customer was rejected or is ambiguous, or an attribute empty. The ledger holds nothing else.

    `DRIFTED` is of a plan that was approved, and says nothing about the customer: the ledger never holds it.
    """

    SHARED_EMAIL = "shared_email"
    TWO_RECORDS = "two_records"
    COPIED_ID = "copied_id"
    REPEATED_EMAIL = "repeated_email"
    CHANGED_MEANWHILE = "changed_meanwhile"
    NO_EMAIL = "no_email"
    ANONYMISED = "anonymised"
    REFUSED = "refused_by_attio"
    UNREADABLE = "unreadable_in_polar"
    UNANSWERED = "polar_could_not_say"
    NOT_TAKEN = "attio_could_not_take"
    UNEXPECTED = "unexpected_error"
    LEFT_EMPTY = "left_empty"
    PARTLY_REFUSED = "partly_refused_by_attio"
    DRIFTED = "drifted"


_SENT_AGAIN = (
    "Correct the value in Polar, or the attribute in Attio: it is sent again when one of them has changed, and once a "
    "day."
)

NOT_BY_DATA = frozenset({Reason.UNANSWERED, Reason.NOT_TAKEN, Reason.UNEXPECTED})
"""The reasons that lie with a service, or with this program, and not with the customer's data."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One customer's outcome of one pass.

    Attributes:
        customer_id: Polar's id; for a row that could not be read, as much of it as could.
        email: The address the customer is known by.
        result: What became of it.
        reason: Why, for rejected and ambiguous; for others `PARTLY_REFUSED`, if Attio refused a value, or `LEFT_EMPTY`,
            if an attribute cannot hold what Polar says.
        detail: A sentence: what is wrong and what to do, with the field where Attio refused one.
        record_id: The person in Attio, where there is exactly one.
        urls: Every Attio record involved.
        changed: The keys of the attributes that were written.
        created_at: When the customer was created in Polar.
        fingerprint: Of what Attio refused, so that it is not sent again while nothing has changed.
    """

    customer_id: str
    email: str | None
    result: Result
    created_at: datetime | None
    reason: Reason | None = None
    detail: str | None = None
    record_id: str | None = None
    urls: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    fingerprint: str | None = None


def written(plan: Plan, person: Person) -> Outcome:
    """Return the outcome of a plan that was applied, or that had nothing to apply."""
    results = {Action.CREATE: Result.CREATED, Action.UPDATE: Result.UPDATED, Action.KEEP: Result.UNCHANGED}
    return Outcome(
        customer_id=plan.customer.id,
        email=plan.customer.address,
        result=results[plan.action],
        created_at=plan.customer.created_at,
        record_id=person.record_id,
        urls=(person.url,),
        changed=tuple(change.key for change in plan.changes),
        reason=Reason.LEFT_EMPTY if plan.left_empty else None,
        detail="; ".join(f"{key} is left empty: {why}" for key, why in plan.left_empty.items()) + "."
        if plan.left_empty
        else None,
    )


def partly_refused(done: Plan, person: Person, refusals: Iterable[Refusal], *, fingerprint: str) -> Outcome:
    """Return the outcome of a plan that was applied without the values that Attio refused, naming each with its key."""
    outcome = written(done, person)
    said = [f"Attio refused {_among(refusal.keys)}: {refusal.message}" for refusal in refusals]
    detail = " ".join(filter(None, [*said, _SENT_AGAIN, outcome.detail]))
    return replace(outcome, reason=Reason.PARTLY_REFUSED, detail=detail, fingerprint=fingerprint)


def partly_refused_before(plan: Plan, person: Person, *, detail: str, fingerprint: str) -> Outcome:
    """Return the outcome of a plan that is not sent: Attio refused just these values, and nothing has changed since."""
    outcome = written(replace(plan, action=Action.KEEP, changes=()), person)
    return replace(outcome, reason=Reason.PARTLY_REFUSED, detail=detail, fingerprint=fingerprint)


def unwritable(plan: Plan) -> Outcome:
    """Return the outcome of a plan that writes nothing because it cannot, or must not guess."""
    case: Case = plan.match.case
    return _failed(
        plan.customer,
        Result.AMBIGUOUS if plan.action is Action.ASK else Result.REJECTED,
        Reason(case.value),
        " ".join(DESCRIPTIONS[case]),
        plan.match.involved,
    )


def excluded(customer: Customer, why: str) -> Outcome:
    """Return the outcome of a customer that is not to be written."""
    return Outcome(
        customer_id=customer.id,
        email=customer.address,
        result=Result.EXCLUDED,
        created_at=customer.created_at,
        detail=f"Not written: {why}",
    )


def refused(plan: Plan, *, field: str | None, message: str, fingerprint: str) -> Outcome:
    """Return the outcome of a plan that Attio refused for good, naming the field and the value's key."""
    where = f"Attio refused {field}" if field else "Attio refused the record"
    detail = f"{where}: {message} {_SENT_AGAIN}"
    return refused_before(plan, detail=detail, fingerprint=fingerprint)


def refused_before(plan: Plan, *, detail: str, fingerprint: str) -> Outcome:
    """Return the outcome of a plan that is not sent, because Attio refused just this and nothing has changed since."""
    found = _failed(plan.customer, Result.REJECTED, Reason.REFUSED, detail, plan.match.involved)
    return replace(found, fingerprint=fingerprint)


def unanswered(customer: Customer, why: str) -> Outcome:
    """Return the outcome of a customer about whom Polar could not answer a question."""
    detail = f"{why} Without the answer it is not certain who the customer is. The next pass asks again."
    return _failed(customer, Result.REJECTED, Reason.UNANSWERED, detail, ())


def not_taken(customer: Customer, why: str, involved: tuple[Person, ...] = ()) -> Outcome:
    """Return the outcome of a customer for whom a search or a write in Attio failed, or was not tried any more."""
    return _failed(customer, Result.REJECTED, Reason.NOT_TAKEN, f"{why} The next pass tries again.", involved)


def unexpected(customer: Customer, error: Exception) -> Outcome:
    """Return the outcome of a customer with whom this program could not deal.

    The text of the error is left out: it may quote values.
    """
    detail = (
        f"This program failed with {type(error).__name__} on the customer's data, and goes on with the others. Report "
        "it with the traceback in the log of the run; the next pass tries again."
    )
    return _failed(customer, Result.REJECTED, Reason.UNEXPECTED, detail, ())


def changed_meanwhile(plan: Plan) -> Outcome:
    """Return the outcome of a customer whose person in Attio kept changing under the pass."""
    return _failed(
        plan.customer,
        Result.AMBIGUOUS,
        Reason.CHANGED_MEANWHILE,
        "Attio says that the address is taken or the record no longer exists, but a fresh search does not show why. "
        "Search Attio for the address, archived and deleted records included; the next pass tries again.",
        plan.match.involved,
    )


def unreadable(customer_id: str | None, *, field: str, message: str, created_at: datetime | None = None) -> Outcome:
    """Return the outcome of a row of Polar's that cannot be read: as a whole, or at one field."""
    whole = f"Polar's answer does not parse at {field}: {message} Look at the customer in Polar's dashboard."
    return Outcome(
        customer_id=customer_id or "unknown",
        email=None,
        result=Result.REJECTED,
        created_at=created_at,
        reason=Reason.UNREADABLE,
        detail=message if field == WHOLE_ROW else whole,
    )


def tally(outcomes: Iterable[Outcome]) -> dict[Result, int]:
    """Count the outcomes by result; every result has a number."""
    counts = Counter(outcome.result for outcome in outcomes)
    return {result: counts[result] for result in Result}


def due_in_attio(counts: Mapping[Result, int]) -> int:
    """Return how many customers are to be in Attio: all that have an outcome, but for the excluded ones."""
    return sum(counts.values()) - counts.get(Result.EXCLUDED, 0)


def _among(keys: tuple[str, ...]) -> str:
    return keys[0] if len(keys) == 1 else f"a value without naming it, one of {', '.join(keys)}"


def _failed(customer: Customer, result: Result, reason: Reason, detail: str, involved: tuple[Person, ...]) -> Outcome:
    return Outcome(
        customer_id=customer.id,
        email=customer.address,
        result=result,
        created_at=customer.created_at,
        reason=reason,
        detail=detail,
        record_id=involved[0].record_id if len(involved) == 1 else None,
        urls=tuple(person.url for person in involved),
    )
