"""Writes of one pass: each is on record before it is sent and has one outcome, and each answer is evidence."""

import asyncio
import logging
from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sync.health import TOLERATED, Health, Kind
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.outcomes import Outcome, not_taken, refused, unexpected, written
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import CurrentValue, Person
from polar_attio_pipeline.sync.refusals import mark
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writing import FRESH_SECONDS, Writer
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, person
from polar_attio_pipeline_tests.sync.fakes import Attio, Kept, Polar

P1 = person("p1", "ada@example.com", polar_customer_id=ADA)
UPDATE = Plan(customer(), Match(Case.KNOWN, P1, (P1,)), Action.UPDATE, (Change("polar_customer_id", None, ADA),))
KEEP = replace(UPDATE, action=Action.KEEP, changes=())
CREATE = Plan(
    customer(BOB, "bob@example.com"),
    Match(Case.NEW),
    Action.CREATE,
    (Change("email_addresses", None, "bob@example.com"), Change("polar_customer_id", None, BOB)),
)
KINDS = [(UPDATE, Kind.UPDATE), (CREATE, Kind.CREATE)]


@dataclass
class Scene:
    """A writer, and what it has recorded."""

    attio: Attio = field(default_factory=Attio)
    history: Kept = field(default_factory=Kept)
    recorded: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        services = Services(self.attio, Polar(), TARGETS, history=self.history)
        self.writer = Writer(services, Health(self.attio.is_answering), self.recorded.extend)

    async def carry_out(self, *plans: Plan, age: float = 0) -> None:
        """Carry plans out that are so many seconds old, and wait for them."""
        await self.writer.carry_out(plans, looked_at=asyncio.get_running_loop().time() - age)
        await self.writer.finish()

    async def fail(self, plan: Plan, times: int = TOLERATED) -> None:
        """Let this many writes of a plan fail, through no fault of the plan."""
        self.attio.trouble = lambda _: UnavailableError("Attio fails.")
        for _ in range(times):
            await self.carry_out(plan)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_write_is_on_record_before_it_is_sent_and_settled_with_what_was_answered(scene: Scene) -> None:
    await scene.carry_out(UPDATE)

    assert scene.attio.sent == [("p1", ("polar_customer_id",))]
    [intent] = scene.history.intended
    assert scene.history.settled == [(intent, tuple(intent.done("p1", [(["polar_customer_id"], "x-1")])))]
    assert scene.recorded == [written(UPDATE, P1)]


@pytest.mark.parametrize("error", [UnavailableError("Attio fails."), DeniedError("Attio fails.")])
async def test_a_write_that_fails_through_no_fault_of_its_own_says_why_and_who_is_involved(error: Exception) -> None:
    scene = Scene(Attio(trouble=lambda _: error))

    await scene.carry_out(UPDATE)

    assert scene.recorded == [not_taken(customer(), "Attio fails.", (P1,))]


async def test_a_refused_record_is_named_in_attios_words(scene: Scene) -> None:
    scene.attio.trouble = lambda _: RecordRefusedError("Not that.", field="polar_customer_id")

    await scene.carry_out(UPDATE)

    said = refused(UPDATE, field="polar_customer_id", message="Not that.", fingerprint=mark(UPDATE, refused_in=""))
    assert scene.recorded == [said]


async def test_a_write_on_which_this_program_fails_costs_itself_alone_and_stays_open(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    error = ZeroDivisionError("ada@example.com")
    scene.attio.trouble = lambda keys: None if "email_addresses" in keys else error

    await scene.carry_out(UPDATE, CREATE)

    assert scene.recorded[0] == unexpected(customer(), error)
    assert [outcome.customer_id for outcome in scene.recorded] == [ADA, BOB]
    assert [intent.customer_id for intent, _ in scene.history.settled] == [BOB]
    [record] = caplog.records
    assert record.getMessage().startswith(f"ZeroDivisionError on customer {ADA} at ")
    assert record.__dict__["polar_attio"] == {"customer_id": ADA}


@pytest.mark.parametrize(("plan", "kind"), KINDS)
async def test_a_kind_of_write_that_always_fails_is_not_sent_any_more_and_the_other_kind_is(
    scene: Scene, plan: Plan, kind: Kind
) -> None:
    [(other, other_kind)] = [each for each in KINDS if each[1] is not kind]
    await scene.fail(plan, TOLERATED + 1)
    scene.attio.trouble = lambda _: None
    scene.attio.sent.clear()
    scene.recorded.clear()

    await scene.carry_out(plan, other)

    assert [record_id for record_id, _ in scene.attio.sent] == ["p1" if other is UPDATE else None]
    why = f"All {kind} fail at present, so this one was left out: Attio fails."
    assert scene.recorded[0] == not_taken(plan.customer, why, plan.match.involved)
    assert scene.recorded[1].customer_id == other.customer.id
    assert scene.history.settled[0] == (scene.history.intended[-2], ())
    assert scene.writer.health.closed(other_kind) is None


@pytest.mark.parametrize(("plan", "kind"), KINDS)
@pytest.mark.parametrize(
    "error", [None, EmailTakenError(), RecordGoneError(), RecordRefusedError("No.", field="polar_customer_id")]
)
async def test_an_answer_between_them_shows_that_failures_are_single_ones(
    scene: Scene, plan: Plan, kind: Kind, error: Exception | None
) -> None:
    await scene.fail(plan)
    scene.writer.take_undone()
    scene.attio.trouble = lambda _: error
    await scene.carry_out(plan)
    _, _, answered = scene.writer.take_undone()
    await scene.fail(plan)

    assert answered is True
    assert scene.writer.health.closed(kind) is None


async def test_a_plan_that_is_too_old_is_given_up_and_its_write_stays_open(scene: Scene) -> None:
    scene.attio.seconds = 1

    await scene.carry_out(UPDATE, age=FRESH_SECONDS)

    assert (scene.writer.late, scene.writer.perhaps_done) == ([UPDATE], {ADA: UPDATE})
    assert (len(scene.history.intended), scene.history.settled, scene.recorded) == (1, [], [])


async def test_what_is_undone_and_whether_anything_was_answered_is_told_once(scene: Scene) -> None:
    scene.attio.trouble = lambda keys: RecordGoneError() if "email_addresses" not in keys else None
    await scene.carry_out(UPDATE, CREATE)

    assert scene.writer.take_undone() == ([UPDATE], [], True)
    assert scene.writer.take_undone() == ([], [], False)


async def test_a_write_that_was_carried_out_without_an_answer_is_named_by_the_next_look_and_keeps_the_company(
    scene: Scene,
) -> None:
    before = Person("p1", P1.url, ("ada@old.example",), P1.values, CurrentValue("c1", "workspace-member"))
    moved = replace(
        UPDATE,
        match=Match(Case.EMAIL_CHANGED, before, (before,)),
        changes=(Change("email_addresses", "ada@old.example", "ada@example.com"),),
    )
    scene.attio.seconds = 1
    await scene.carry_out(moved, age=FRESH_SECONDS)

    await scene.carry_out(KEEP)

    assert scene.recorded == [written(moved, P1)]
    assert scene.attio.kept == [("p1", "c1")]


async def test_a_writer_that_is_given_up_leaves_its_writes_open_and_nothing_in_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.attio.seconds = 1
    with caplog.at_level(logging.DEBUG, "asyncio"):
        await scene.writer.carry_out([UPDATE], looked_at=asyncio.get_running_loop().time())
        await asyncio.sleep(0)
        await scene.writer.cancel()
        await asyncio.sleep(0)

    assert (len(scene.attio.sent), len(scene.history.intended), scene.history.settled) == (1, 1, [])
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_writes_under_way_are_waited_for_so_long_and_no_longer(scene: Scene) -> None:
    await scene.writer.drain(0)
    scene.attio.seconds = 0.05
    await scene.writer.carry_out([UPDATE], looked_at=asyncio.get_running_loop().time())

    await scene.writer.drain(0.001)
    assert scene.recorded == []

    await scene.writer.drain(5)
    assert [outcome.customer_id for outcome in scene.recorded] == [ADA]
