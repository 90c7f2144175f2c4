"""One value that the CRM refuses costs that value alone: it is left out, and the rest of the plan is sent again."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    People,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
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


Answer = tuple[Collection[str], str | None]
"""The keys of what a request wrote, and the CRM's name for the request."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a plan.

    Attributes:
        done: The plan as it was written: without what was refused.
        person: As the CRM answered, or as it was found where nothing of the plan was left to write.
        answers: For each request that wrote something, in their order: the keys of what it wrote, and the CRM's name
            for the request.
        left: What was refused, as a plan for that person; None where everything was taken.
        refusals: Why, in the order of the attempts.
    """

    done: Plan
    person: Person
    answers: tuple[Answer, ...] = ()
    left: Plan | None = None
    refusals: tuple[Refusal, ...] = ()


async def write_what_is_taken(
    people: People, due: Plan, *, required: Collection[str], suspected: Collection[str] = ()
) -> Carried:
    """Write a plan without the values that the CRM refuses; each attempt leaves out one more, so it comes to an end.

    Where the CRM does not say which value it refuses, those go first of which that is known from other records, then
    all that can be left out. The refused ones are then found by halves: one of sixteen takes eight writes.

    Args:
        people: The CRM's people.
        due: A plan that writes.
        required: Keys of the attributes without which nothing is written.
        suspected: Keys of attributes whose values were refused of other records, without being named.

    Raises:
        RecordRefusedError: what is refused cannot be left out: the address, a required attribute, or something that is
            not part of the plan. Nothing was written.
        EmailTakenError, RecordGoneError, DeniedError, UnavailableError: as for `People`.
    """
    rest = due
    refusals: list[Refusal] = []
    unnamed = Refusal((), "")
    while True:
        try:
            person = await _write(people, rest)
            break
        except RecordRefusedError as error:
            optional = [key for key in rest.values if key not in required]
            if error.field is None:
                dropped = [key for key in optional if key in suspected] or optional
                unnamed = Refusal((*unnamed.keys, *dropped), error.message)
            else:
                dropped = [key for key in optional if key == error.field]
                refusals.append(Refusal(tuple(dropped), error.message))
            if not dropped:
                raise
            rest = _without(rest, dropped)
    answers: list[Answer] = [([change.key for change in rest.changes], person.execution_id)] if rest.changes else []
    if len(unnamed.keys) == 1:
        refusals.append(unnamed)
    elif unnamed.keys:
        refusals += await _sorted_out(people, due, person, unnamed, answers)
    if not refusals:
        return Carried(due, person, tuple(answers))
    keys = [key for refusal in refusals for key in refusal.keys]
    done = _without(due, keys)
    left = replace(_only(due, keys), action=Action.UPDATE, match=replace(due.match, person=person))
    return Carried(done, person, tuple(answers), left, tuple(refusals))


async def _sorted_out(
    people: People, due: Plan, person: Person, refused: Refusal, answers: list[Answer]
) -> list[Refusal]:
    """Find the refused ones among several values by halves, and write the others; each group becomes smaller.

    Where a write fails for another reason, what is not sorted out by then counts as refused, and is sent another day.
    The answers to what was written are added to `answers`.
    """
    found: list[Refusal] = []
    groups = _halves(refused.keys)
    while groups:
        keys = groups.pop(0)
        values = {key: due.values[key] for key in keys}
        try:
            answers.append((keys, (await people.update(person.record_id, values)).execution_id))
        except RecordRefusedError as error:
            named = tuple(key for key in keys if key == error.field)
            if named or len(keys) == 1:
                found.append(Refusal(named or keys, error.message))
                others = tuple(key for key in keys if key not in (named or keys))
                groups[:0] = [others] if others else []
            else:
                groups[:0] = _halves(keys)
        except (DeniedError, EmailTakenError, RecordGoneError, UnavailableError):
            return [*found, Refusal(tuple(itertools.chain(keys, *groups)), refused.message)]
    return found


def _halves(keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    middle = len(keys) // 2
    return [keys[:middle], keys[middle:]]


async def _write(people: People, due: Plan) -> Person:
    person = due.match.person
    if person is None:
        assert due.new_email is not None, "a new person is created by its address"
        return await people.create(due.values, email=due.new_email)
    return await people.update(person.record_id, due.values, add_email=due.new_email) if due.changes else person


def _without(due: Plan, keys: Collection[str]) -> Plan:
    return _only(due, [change.key for change in due.changes if change.key not in keys])


def _only(due: Plan, keys: Sequence[str]) -> Plan:
    changes = tuple(change for change in due.changes if change.key in keys)
    return replace(due, changes=changes, action=due.action if changes else Action.KEEP)
