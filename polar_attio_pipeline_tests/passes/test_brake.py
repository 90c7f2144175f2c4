"""A pass that would change too many existing people stops before its first write, and a person lets it through once."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import MANY_CHANGES
from polar_attio_pipeline.passes.brake import ManyChangesError
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync import names
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Stage

Pass = Callable[[Stage], object]

LEAST = 2


def other_way_round(first: str, last: str, full: str) -> PersonName:
    return PersonName(first=last, last=first, full=" ".join(reversed(full.split())))


def changed(stage: Stage, *, approve: frozenset[str] = frozenset()) -> object:
    """Run the pass over every customer, as if all had changed."""
    ids = [one.id for one in stage.sandbox.polar.customers.values()]

    async def run() -> object:
        async with stage.context(approve=approve) as context:
            return await sync_changed(context, ids)

    return asyncio.run(run())


PASSES: dict[str, Pass] = {
    "reconciliation": lambda stage: stage.reconcile(),
    "hourly": lambda stage: stage.hourly(0, 3),
    "changed": changed,
}


@pytest.fixture
def book(stage: Stage) -> Sequence[Customer]:
    """Twenty customers, five in each of four hours, in Attio; a pass may change four of them."""
    stage.rules = replace(stage.rules, change_min_people=LEAST)
    customers = [
        stage.add(f"customer-{number}", hour=number // 5, minute=number % 5, external_id=f"id-{number}")
        for number in range(20)
    ]
    stage.reconcile()
    return customers


def rename(stage: Stage, customers: Sequence[Customer], to: str = "Renamed") -> None:
    for one in customers:
        stage.sandbox.polar.update_customer(one.id, name=f"{to} {one.id[:8]}")


def requests(stage: Stage, work: Pass) -> int:
    before = stage.sandbox.traffic.count()
    work(stage)
    return stage.sandbox.traffic.count() - before


def names_in_attio(stage: Stage) -> set[str]:
    return {str(one.name) for one in stage.sandbox.attio.people()}


@pytest.fixture
def story(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="polar_attio_pipeline"):
        yield caplog


@pytest.mark.parametrize("kind", PASSES)
class TestEveryPass:
    def test_goes_on_at_the_limit_and_stops_beyond_it(self, stage: Stage, book: Sequence[Customer], kind: str) -> None:
        rename(stage, book[:4], to="First")
        PASSES[kind](stage)
        writes = stage.writes
        assert len([one for one in names_in_attio(stage) if one.startswith("First")]) == 4

        rename(stage, book[:5], to="Second")
        with pytest.raises(
            ManyChangesError, match=r"would change 5 of the 20 people .* name replaced of 5\. Allowed are 4"
        ):
            PASSES[kind](stage)
        assert stage.writes == writes

    def test_writes_no_new_customer_either_when_it_stops(
        self, stage: Stage, book: Sequence[Customer], kind: str
    ) -> None:
        rename(stage, book)
        late = stage.add("late", hour=3)
        with pytest.raises(ManyChangesError, match="New customers of this pass wait too"):
            PASSES[kind](stage)
        assert stage.person_of(late.id) is None

    def test_is_let_through_by_one_approval_and_only_once(
        self, stage: Stage, book: Sequence[Customer], kind: str
    ) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError, match=r"polar-attio approve many-changes"):
            PASSES[kind](stage)
        (let_through,) = approvals.approve(stage.ledger, MANY_CHANGES.name)
        assert (let_through.scope.kind, let_through.people) == (kind, 20)

        PASSES[kind](stage)
        assert all(one.startswith("Renamed") for one in names_in_attio(stage))
        assert approvals.waiting(stage.ledger) == approvals.approved(stage.ledger) == []

        rename(stage, book, to="Again")
        with pytest.raises(ManyChangesError):
            PASSES[kind](stage)

    def test_a_share_of_one_switches_it_off(self, stage: Stage, book: Sequence[Customer], kind: str) -> None:
        stage.rules = replace(stage.rules, change_max_share=1)
        rename(stage, book)
        PASSES[kind](stage)
        assert all(one.startswith("Renamed") for one in names_in_attio(stage))


@pytest.mark.parametrize(
    ("work", "more"),
    [
        pytest.param(lambda stage: stage.reconcile(), 0, id="reconciliation in which nothing differs"),
        pytest.param(lambda stage: stage.hourly(0), 1, id="an hour with five customers on record"),
        pytest.param(lambda stage: stage.hourly(5), 0, id="an hour without any"),
    ],
)
def test_it_looks_ahead_only_where_more_people_are_to_be_looked_at_than_may_be_changed(
    stage: Stage, book: Sequence[Customer], work: Pass, more: int
) -> None:
    assert len(book) == 20
    with_brake = requests(stage, work)
    stage.rules = replace(stage.rules, change_max_share=1)
    assert requests(stage, work) == with_brake - more


def test_a_first_import_and_one_into_people_who_are_there_pass(stage: Stage) -> None:
    stage.rules = replace(stage.rules, change_min_people=0, change_max_share=0)
    for number in range(10):
        stage.sandbox.attio.add_person(emails=[f"customer-0-{number}@example.com"], values={})
    stage.add_many(20)
    assert stage.reconcile().counts[Result.CREATED] == 10
    assert len(stage.sandbox.attio.people()) == 20


def test_an_attribute_that_setup_has_just_added_passes(stage: Stage, book: Sequence[Customer]) -> None:
    del book
    stage.rules = replace(stage.rules, change_min_people=0, change_max_share=0)
    for one in stage.sandbox.polar.customers.values():
        stage.sandbox.polar.update_customer(one.id, metadata={"tier": "gold"})
    stage.map(plan_tier={"from": "metadata.tier"})
    assert stage.reconcile().counts[Result.UPDATED] == 20
    assert stage.reconcile().counts[Result.UPDATED] == 0


def test_what_people_have_typed_does_not_count_because_it_is_not_overwritten(
    stage: Stage, book: Sequence[Customer]
) -> None:
    for one in stage.sandbox.attio.people():
        stage.sandbox.attio.edit_person(one.id, {"polar_external_id": "theirs"})
    assert stage.reconcile().counts[Result.UNCHANGED] == len(book)
    stage.rules = replace(stage.rules, overwrite_typed=True)
    with pytest.raises(ManyChangesError, match="polar_external_id replaced of 20"):
        stage.reconcile()


def test_what_attio_has_refused_before_does_not_count_because_it_is_not_sent(
    stage: Stage, book: Sequence[Customer]
) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.REFUSE, service="attio", method="PATCH", path=f"{PEOPLE}/*", status=400))
    rename(stage, book[:4])
    stage.reconcile()
    rename(stage, book[4:8])
    stage.reconcile()
    found = stage.ledger.of_customers([one.id for one in book])
    assert sum(row.reason == Reason.PARTLY_REFUSED for row in found.values()) == 8


@pytest.mark.parametrize("kind", ["reconciliation", "hourly"])
def test_people_who_would_pass_to_customers_that_were_created_anew_count(
    stage: Stage, book: Sequence[Customer], kind: str
) -> None:
    for one in book:
        stage.sandbox.polar.delete_customer(one.id)
    for number, one in enumerate(book):
        stage.add(f"new-{number}", email=one.email)
    with pytest.raises(ManyChangesError, match="polar_customer_id replaced of 20"):
        PASSES[kind](stage)


def test_owners_of_new_teams_are_asked_for_once(stage: Stage, book: Sequence[Customer]) -> None:
    assert len(book) == 20
    for number in range(5):
        stage.add_team(f"team-{number}")
    stage.sandbox.traffic.reset()
    stage.hourly(0)
    assert sum("members" in seen.route for seen in stage.sandbox.traffic.counts.elements()) == 5


def test_the_customers_of_many_hours_count_together(stage: Stage, book: Sequence[Customer]) -> None:
    rename(stage, book[::3])
    with pytest.raises(ManyChangesError, match="would change 7 of the 20"):
        stage.hourly(0, 3)
    writes = stage.writes
    stage.hourly(1)
    assert stage.writes == writes + 2


def test_customers_that_an_hourly_pass_tries_again_count_too(stage: Stage, book: Sequence[Customer]) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.REFUSE, service="attio", method="PATCH", path=f"{PEOPLE}/*", status=403))
    rename(stage, book[:4])
    assert stage.reconcile().counts[Result.REJECTED] == 4
    stage.sandbox.faults.clear()
    rename(stage, book[5:8], to="Other")
    writes = stage.writes
    with pytest.raises(ManyChangesError, match="would change 7 of the"):
        stage.hourly(1, retry_unresolved=True)
    assert stage.writes == writes


def test_a_lost_ledger_does_not_blind_the_brake(stage: Stage, book: Sequence[Customer], tmp_path: Path) -> None:
    rename(stage, book)
    stage.ledger.close()
    stage.ledger = Ledger(tmp_path / "another.db")
    with pytest.raises(
        ManyChangesError, match=r"would change 20 people in Attio who hold a Polar id \(0 are on record\)"
    ):
        stage.hourly(0, 3)


class TestAnApproval:
    def test_does_not_cover_another_attribute(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            stage.reconcile()
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        for one in book:
            stage.sandbox.polar.update_customer(one.id, external_id=f"other-{one.id}")
        writes = stage.writes
        with pytest.raises(ManyChangesError, match="not of polar_external_id replaced of 20"):
            stage.reconcile()
        assert stage.writes == writes

    def test_that_does_not_fit_says_why_and_is_void(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book[:10])
        with pytest.raises(ManyChangesError):
            stage.reconcile()
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        rename(stage, book[:13])
        with pytest.raises(
            ManyChangesError, match=r"does not cover that: it was of 10 people .*, not of name replaced of 13"
        ):
            stage.reconcile()
        rename(stage, book[:10], to="Again")
        with pytest.raises(ManyChangesError) as stopped:
            stage.reconcile()
        assert "does not cover" not in str(stopped.value)

    def test_covers_a_fifth_more_people(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book[:10])
        with pytest.raises(ManyChangesError):
            stage.reconcile()
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        rename(stage, book[10:12])
        assert stage.reconcile().counts[Result.UPDATED] == 12

    def test_stays_while_the_pass_that_it_let_through_fails(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            stage.reconcile()
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", method="PATCH", path=f"{PEOPLE}/*", skip=10))
        stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path="/v2/self", skip=1))
        with pytest.raises(UnavailableError):
            stage.reconcile()
        stage.sandbox.faults.clear()
        assert stage.reconcile().counts[Result.UPDATED] == 10
        assert all(one.startswith("Renamed") for one in names_in_attio(stage))
        assert approvals.approved(stage.ledger) == []

    def test_of_nothing_that_was_stopped_allows_nothing(self, stage: Stage, book: Sequence[Customer]) -> None:
        assert approvals.approve(stage.ledger, MANY_CHANGES.name) == []
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            stage.reconcile()

    def test_can_come_with_the_pass_itself(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            changed(stage, approve=frozenset({MANY_CHANGES.name}))
        changed(stage, approve=frozenset({MANY_CHANGES.name}))
        assert all(one.startswith("Renamed") for one in names_in_attio(stage))
        assert approvals.waiting(stage.ledger) == approvals.approved(stage.ledger) == []

    def test_of_some_hours_is_none_of_others(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            stage.hourly(0, 1)
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        with pytest.raises(ManyChangesError):
            stage.hourly(2, 3)

    def test_of_one_kind_of_pass_is_none_of_another(self, stage: Stage, book: Sequence[Customer]) -> None:
        rename(stage, book)
        with pytest.raises(ManyChangesError):
            stage.hourly(0, 3)
        approvals.approve(stage.ledger, MANY_CHANGES.name)
        with pytest.raises(ManyChangesError):
            stage.reconcile()
        stage.hourly(0, 3)
        assert all(one.startswith("Renamed") for one in names_in_attio(stage))


def test_a_stop_that_no_longer_applies_is_over(stage: Stage, book: Sequence[Customer]) -> None:
    before = {one.id: one.name for one in book}
    rename(stage, book)
    with pytest.raises(ManyChangesError):
        stage.hourly(0, 3)
    for one in book:
        stage.sandbox.polar.update_customer(one.id, name=before[one.id])
    stage.hourly(0, 1)
    (waiting,) = approvals.waiting(stage.ledger)
    assert len(waiting.scope.parts) == 2
    stage.hourly(2, 3)
    assert approvals.waiting(stage.ledger) == []


def test_too_many_customers_that_attio_could_not_be_asked_about_are_no_reason_to_write(
    stage: Stage, book: Sequence[Customer]
) -> None:
    rename(stage, book)
    stage.sandbox.faults.add(
        Fault(kind=Kind.STATUS, service="attio", path=f"{PEOPLE}/query", method="POST", status=500)
    )
    writes = stage.writes
    with pytest.raises(UnavailableError, match="would change 0, but of 20 more a service could not say it"):
        stage.hourly(0, 3)
    assert stage.writes == writes


def test_a_preview_says_that_the_pass_would_stop(stage: Stage, book: Sequence[Customer]) -> None:
    rename(stage, book)
    (note,) = stage.preview().notes
    assert "would change 20 of the 20 people" in note
    assert "`polar-attio approve many-changes`" in note
    assert approvals.waiting(stage.ledger) == []


def test_a_parser_of_names_that_suddenly_splits_differently_changes_nobody_until_a_person_approves(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, story: pytest.LogCaptureFixture
) -> None:
    for number in range(200):
        stage.add(f"customer{number}", minute=number % 60)
    with monkeypatch.context() as earlier:
        earlier.setattr(names, "PersonName", other_way_round)
        stage.reconcile()
        assert stage.reconcile().counts[Result.UNCHANGED] == 200
    writes = stage.writes

    with pytest.raises(ManyChangesError) as stopped:
        stage.reconcile()

    assert stage.writes == writes
    said = str(stopped.value)
    assert said.startswith(
        "The pass would change 200 of the 200 people in Attio who hold a Polar id: name replaced of 200. Allowed are 40"
    )
    assert said.count("/person/") == said.count("/customers/") == 10
    assert "Example" not in said
    assert "@" not in said

    approvals.approve(stage.ledger, MANY_CHANGES.name)
    assert stage.reconcile().counts[Result.UPDATED] == 200
    assert stage.writes == writes + 200
    assert "The pass changes 200 people, as approved: name replaced of 200." in story.messages
    assert stage.reconcile().counts[Result.UNCHANGED] == 200


def test_a_second_pass_over_an_unchanged_book_puts_nothing_of_the_brake_on_record(
    stage: Stage, book: Sequence[Customer]
) -> None:
    assert len(book) == 20
    stage.reconcile()
    assert stage.ledger.fact(approvals.STOPPED_FACT) is None
    assert stage.ledger.fact(approvals.APPROVED_FACT) is None


def test_what_is_on_record_in_no_form_of_ours_counts_as_nothing(stage: Stage, book: Sequence[Customer]) -> None:
    for text in ("", "no json", "[1]", '[{"name": "many-changes"}]', "{}"):
        stage.ledger.set_fact(approvals.STOPPED_FACT, text)
        assert approvals.waiting(stage.ledger) == []
    rename(stage, book)
    with pytest.raises(ManyChangesError):
        stage.reconcile()
    (waiting,) = approvals.waiting(stage.ledger)
    assert waiting.people == 20


def test_a_reconciliation_lets_hours_through_that_it_has_brought(stage: Stage, book: Sequence[Customer]) -> None:
    rename(stage, book)
    for kind in ("hourly", "reconciliation"):
        with pytest.raises(ManyChangesError):
            PASSES[kind](stage)
    assert [one.scope.kind for one in approvals.waiting(stage.ledger)] == ["hourly", "reconciliation"]

    async def run() -> None:
        async with stage.context(approve=frozenset({MANY_CHANGES.name})) as context:
            await reconcile(context)

    asyncio.run(run())
    assert approvals.waiting(stage.ledger) == []
