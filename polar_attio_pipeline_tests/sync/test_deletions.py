"""People whose customer was deleted: what is due, what is written after Polar was asked once more, and what is kept."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.deletions import Deletions, due, note_deletions
from polar_attio_pipeline.sync.health import TOLERATED, ServiceDownError
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    NoAnswerError,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person, Value, Values, ValueType
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.sync.fakes import OnRecord

KEYS = ("polar_customer", "name", "polar_status", "polar_products", "polar_mrr")
UNMARKED = Change("polar_customer", True, False)
DELETED = Change("polar_status", None, "Deleted")


def targets(**types: ValueType) -> tuple[Target, ...]:
    """The workspace's attributes, each in the type that `setup` creates, or another one."""
    return tuple(
        Target(BY_KEY[key], types.get(key, BY_KEY[key].types[0]), options=frozenset(BY_KEY[key].options))
        for key in KEYS
    )


def orphan(record_id: str = "r1", *, is_marked: bool = True, by: Actor = "api-token", **held: Value) -> Marked:
    values = {key: CurrentValue(value, by) for key, value in held.items()}
    return Marked(record_id, "", f"of {record_id}", "api-token", is_marked, values)


def nothing(key: str) -> None:
    """Let all keys pass."""


def failing_with(error: Exception, *keys: str) -> Callable[[str], None]:
    """Fails for these keys; for all where none is named."""

    def fail(key: str) -> None:
        if key in keys or not keys:
            raise error

    return fail


@dataclass
class Sides(OnRecord):
    """Of both services what deletions ask of them, and a history.

    Attributes:
        alive: Ids of the customers that Polar has.
        before_answer: Called with each id that Polar is asked for; may raise.
        before_write: Called with each record that Attio is to update; may raise.
        answers: Whether the services answer simple requests.
    """

    alive: Collection[str] = ()
    before_answer: Callable[[str], None] = nothing
    before_write: Callable[[str], None] = nothing
    answers: bool = True
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, Values]] = field(default_factory=list)

    @property
    def services(self) -> Services:
        both: Any = self
        return Services(both, both, targets(), history=self)

    async def exists(self, customer_id: str) -> bool:
        self.asked.append(customer_id)
        self.before_answer(customer_id)
        return customer_id in self.alive

    async def update(self, record_id: str, values: Values) -> Person:
        self.sent.append((record_id, values))
        self.before_write(record_id)
        return Person(record_id, "", (), execution_id=f"x-{record_id}")

    async def is_answering(self) -> bool:
        return self.answers


SERVICES = Sides().services


@pytest.mark.parametrize(
    ("person", "unmark", "changes"),
    [
        (orphan(), True, (UNMARKED, DELETED)),
        (orphan(), False, (DELETED,)),
        (orphan(is_marked=False), True, (DELETED,)),
        (orphan(polar_status="Deleted"), True, (UNMARKED,)),
        (orphan(polar_status="Deleted"), False, ()),
        (orphan(polar_status="Paying"), False, (Change("polar_status", "Paying", "Deleted"),)),
        (orphan(polar_mrr=Decimal(5)), False, (DELETED, Change("polar_mrr", Decimal(5), Decimal(0)))),
        (orphan(polar_products="Pro"), False, (DELETED, Change("polar_products", "Pro", None))),
        (orphan(name="Ada"), False, (DELETED,)),
        (replace(orphan(), customer_id=None), True, ()),
    ],
)
def test_the_mark_comes_off_where_wanted_the_status_says_it_and_what_else_is_held_is_paid_no_more(
    person: Marked, unmark: bool, changes: tuple[Change, ...]
) -> None:
    assert due(person, SERVICES, unmark=unmark) == changes


def test_a_select_without_the_option_stays_as_it_is_and_a_text_needs_none() -> None:
    without = tuple(replace(target, options=frozenset()) for target in targets())
    text = targets(polar_status=ValueType.TEXT)

    assert due(orphan(), replace(SERVICES, targets=without), unmark=False) == ()
    assert due(orphan(), replace(SERVICES, targets=text), unmark=False) == (DELETED,)


@pytest.mark.parametrize("overwrite_typed", [False, True])
def test_a_status_that_a_person_typed_is_written_over_only_where_a_setting_says_so(overwrite_typed: bool) -> None:
    person = orphan(by="workspace-member", polar_status="Friend")

    changes = due(person, replace(SERVICES, overwrite_typed=overwrite_typed), unmark=False)

    assert changes == ((Change("polar_status", "Friend", "Deleted"),) if overwrite_typed else ())


async def test_each_person_is_told_by_what_was_written_to_it_and_counted() -> None:
    both, counted = orphan("both"), list[int]()
    mark, status = orphan("mark", polar_status="Deleted"), orphan("status", is_marked=False)
    settled = orphan("settled", is_marked=False, polar_status="Deleted")
    sides = Sides()

    found = await note_deletions([both, mark, status, settled], sides.services, unmark=True, seen=counted.append)

    assert found == Deletions(unmarked=[both, mark], stated=[both, status], kept=[])
    assert counted == [1, 1, 1, 1]
    assert sides.asked == ["of both", "of mark", "of status"]
    assert sides.sent == [
        ("both", {"polar_customer": False, "polar_status": "Deleted"}),
        ("mark", {"polar_customer": False}),
        ("status", {"polar_status": "Deleted"}),
    ]


async def test_a_person_who_is_left_out_is_kept_where_its_mark_was_to_come_off() -> None:
    person = orphan()
    services = replace(Sides().services, skipped=frozenset({person.customer_id or ""}))

    assert (await note_deletions([person], services, unmark=True)).kept == [person]
    assert (await note_deletions([person], services, unmark=False)).kept == []


async def test_a_write_is_on_record_with_its_record_and_what_was_there_before() -> None:
    person = orphan(polar_status="Paying")
    sides = Sides()
    intended: list[Intent] = []
    sides.before_write = lambda _: intended.extend(sides.open)

    await note_deletions([person], sides.services, unmark=True)

    values = (
        WrittenValue("polar_customer", True, "api-token", False),
        WrittenValue("polar_status", "Paying", "api-token", "Deleted"),
    )
    assert [(one.customer_id, one.record_id, one.values) for one in intended] == [("of r1", "r1", values)]
    assert sides.written == [Write("of r1", "r1", values, action=WriteAction.UPDATE, execution_id="x-r1")]
    assert sides.open == []


@pytest.mark.parametrize("unmark", [False, True])
@pytest.mark.parametrize("error", [None, NoAnswerError("Refused."), UnavailableError("503")])
async def test_nothing_is_written_to_a_person_whose_customer_polar_has_after_all_or_cannot_tell(
    error: Exception | None, unmark: bool
) -> None:
    missed, gone = orphan("missed"), orphan("gone")
    before_answer = failing_with(error, "of missed") if error else nothing
    sides = Sides(alive=["of missed"], before_answer=before_answer)

    found = await note_deletions([missed, gone], sides.services, unmark=unmark)

    assert found == Deletions([gone] if unmark else [], [gone], [missed])
    assert [record_id for record_id, _ in sides.sent] == ["gone"]


@pytest.mark.parametrize(
    "error", [RecordGoneError(), RecordRefusedError("No."), DeniedError("No."), UnavailableError("503")]
)
async def test_a_person_whom_attio_did_not_write_is_kept_and_costs_nobody_else(error: Exception) -> None:
    bad, good = orphan("bad"), orphan("good")
    sides = Sides(before_write=failing_with(error, "bad"))

    found = await note_deletions([bad, good], sides.services, unmark=True)

    assert found == Deletions([good], [good], [bad])
    assert [write.record_id for write in sides.written] == ["good"]
    assert len(sides.open) == isinstance(error, UnavailableError), "only then it is not known what became of it"


@pytest.mark.parametrize("service", ["before_answer", "before_write"])
async def test_a_service_that_answers_nothing_ends_it_in_the_words_of_the_failure(service: str) -> None:
    sides = Sides(answers=False, **{service: failing_with(UnavailableError("It is down."))})  # type: ignore[arg-type]

    with pytest.raises(ServiceDownError, match=r"^It is down\.$"):
        await note_deletions([orphan()], sides.services, unmark=True)


async def test_updates_that_all_fail_are_given_up() -> None:
    people = [orphan(str(number)) for number in range(TOLERATED + 3)]
    sides = Sides(before_write=failing_with(UnavailableError("503")))

    found = await note_deletions(people, sides.services, unmark=True)

    assert len(sides.sent) == len(sides.open) == TOLERATED + 1
    assert found == Deletions([], [], people)


async def test_questions_that_all_fail_are_given_up() -> None:
    people = [orphan(str(number)) for number in range(TOLERATED + 3)]
    sides = Sides(before_answer=failing_with(UnavailableError("503")))

    found = await note_deletions(people, sides.services, unmark=True)

    assert len(sides.asked) == TOLERATED + 1
    assert found == Deletions([], [], people)


@pytest.mark.parametrize("service", ["before_answer", "before_write"])
async def test_failures_between_successes_give_nothing_up(service: str) -> None:
    people = [orphan(str(number)) for number in range(2 * TOLERATED + 4)]
    odd = [key for person in people[::2] for key in (person.record_id, str(person.customer_id))]
    sides = Sides(**{service: failing_with(UnavailableError("503"), *odd)})  # type: ignore[arg-type]

    found = await note_deletions(people, sides.services, unmark=True)

    assert (found.unmarked, found.kept) == (people[1::2], people[::2])
    assert len(sides.asked) == len(people)
    assert len(sides.sent) == len(people[1::2] if service == "before_answer" else people)


async def test_a_question_that_polar_refuses_shows_that_questions_are_answered() -> None:
    refused = [f"of {number}" for number in range(0, 2 * TOLERATED + 4, 2)]

    def answer(customer_id: str) -> None:
        raise NoAnswerError if customer_id in refused else UnavailableError

    people = [orphan(str(number)) for number in range(2 * TOLERATED + 4)]
    sides = Sides(before_answer=answer)

    await note_deletions(people, sides.services, unmark=True)

    assert len(sides.asked) == len(people)
