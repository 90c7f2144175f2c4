"""One value that the CRM refuses costs that value alone: it is left out, and the rest of the plan is sent again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.ports import People, RecordRefusedError
from polar_attio_pipeline.sync.records import Person


@dataclass(frozen=True, slots=True)
class Refusal:
    """Values that the CRM did not take.

    Attributes:
        keys: Of the attributes: one, or those among which the refused one is, where the CRM did not name it.
        message: The CRM's own sentence. It may hold personal data: for the ledger, not for logs.
    """

    keys: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a plan.

    Attributes:
        done: The plan as it was written: without what was refused.
        person: As the CRM answered, or as it was found where nothing of the plan was left to write.
        left: What was refused, as a plan for that person; None where everything was taken.
        refusals: Why, in the order of the attempts.
    """

    done: Plan
    person: Person
    left: Plan | None = None
    refusals: tuple[Refusal, ...] = ()


async def write_what_is_taken(people: People, due: Plan, *, required: Collection[str]) -> Carried:
    """Write a plan without the values that the CRM refuses; each attempt leaves out one more, so it comes to an end.

    Where the CRM does not say which value it refuses, all that can be left out are: the person is written without them.

    Args:
        people: The CRM's people.
        due: A plan that writes.
        required: Keys of the attributes without which nothing is written.

    Raises:
        RecordRefusedError: what is refused cannot be left out: the address, a required attribute, or something that is
            not part of the plan. Nothing was written.
        EmailTakenError, RecordGoneError, DeniedError, UnavailableError: as for `People`.
    """
    rest = due
    refusals: list[Refusal] = []
    while True:
        try:
            person = await _write(people, rest)
        except RecordRefusedError as error:
            optional = [key for key in rest.values if key not in required]
            dropped = optional if error.field is None else [key for key in optional if key == error.field]
            if not dropped:
                raise
            refusals.append(Refusal(tuple(dropped), error.message))
            rest = _only(rest, [change.key for change in rest.changes if change.key not in dropped])
            continue
        if not refusals:
            return Carried(due, person)
        keys = [key for refusal in refusals for key in refusal.keys]
        left = replace(_only(due, keys), action=Action.UPDATE, match=replace(due.match, person=person))
        return Carried(rest, person, left, tuple(refusals))


async def _write(people: People, due: Plan) -> Person:
    person = due.match.person
    if person is None:
        assert due.new_email is not None, "a new person is created by its address"
        return await people.create(due.values, email=due.new_email)
    return await people.update(person.record_id, due.values, add_email=due.new_email) if due.changes else person


def _only(due: Plan, keys: Sequence[str]) -> Plan:
    changes = tuple(change for change in due.changes if change.key in keys)
    return replace(due, changes=changes, action=due.action if changes else Action.KEEP)
