"""All customers against everybody who is marked: settled, to be looked at, gone, or holding one id twice."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest

from polar_attio_pipeline.sync import settling
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.comparison import Comparison, Marked
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result, unreadable, written
from polar_attio_pipeline.sync.planning import Action
from polar_attio_pipeline.sync.records import CurrentValue, Customer, Person, ValueType
from polar_attio_pipeline.sync.status import Status
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, in_step, person, planned

GONE = "60e00000-0000-4000-8000-000000000009"


def compared(book: Iterable[Customer], people: Iterable[Person]) -> tuple[Comparison, list[Outcome]]:
    comparison = Comparison(TARGETS, overwrite_typed=False)
    for one in people:
        comparison.add_person(one)
    for each in book:
        comparison.add_customer(each)
    return comparison, list(comparison.settle())


def test_who_needs_nothing_is_settled_without_another_look() -> None:
    ada = customer(email="Ada@example.com")
    comparison, (outcome,) = compared([ada], [in_step("p1", ada, "old@example.com")])
    assert list(comparison.pending()) == []
    assert (comparison.compared, comparison.settled) == (1, 1)
    assert (outcome.customer_id, outcome.result, outcome.record_id) == (ADA, Result.UNCHANGED, "p1")
    assert (outcome.changed, outcome.urls) == ((), ("https://app.attio.com/acme/person/p1",))


def test_that_an_attribute_cannot_hold_what_polar_says_is_said_of_who_needs_nothing() -> None:
    ada = customer(billing=Billing(status=Status.PAYING, ever_paid=True))
    without_options = Target(BY_KEY["polar_status"], ValueType.SELECT)
    comparison = Comparison((*TARGETS, without_options), overwrite_typed=False)
    comparison.add_person(in_step("p1", ada))
    comparison.add_customer(ada)

    (outcome,) = comparison.settle()

    assert (outcome.result, outcome.reason) == (Result.UNCHANGED, Reason.LEFT_EMPTY)
    assert outcome.detail == (
        "polar_status is left empty: the attribute has no option Paying: run `polar-attio setup`."
    )


def test_a_team_is_settled_by_its_id_alone() -> None:
    team = customer(email=None)
    comparison, _ = compared([team], [in_step("p1", team, "owner@example.com")])
    assert list(comparison.pending()) == []


def test_whoever_differs_is_missing_or_moved_is_pending() -> None:
    changed, missing, moved = customer(), customer(BOB, "bob@example.com"), customer(GONE, "new@example.com")
    before = in_step("p1", customer(name="Ada King"))
    comparison, settled = compared(
        [changed, missing, moved], [before, in_step("p2", customer(GONE, "old@example.com"))]
    )
    assert list(comparison.pending()) == [changed, missing, moved]
    assert settled == []
    assert (comparison.compared, comparison.settled) == (3, 0)


def test_a_value_that_a_person_typed_keeps_nobody_pending() -> None:
    ada = customer()
    held = in_step("p1", ada)
    typed = CurrentValue("GB", "workspace-member")
    comparison, _ = compared(
        [customer(country="FR")],
        [Person(held.record_id, held.url, held.emails, {**held.values, "polar_country": typed})],
    )
    assert list(comparison.pending()) == []


def test_a_value_that_a_person_typed_is_pending_where_the_setting_lets_it_be_overwritten() -> None:
    typed = {"polar_country": CurrentValue("GB", "workspace-member")}
    held = in_step("p1", customer(country="FR"))
    comparison = Comparison(TARGETS, overwrite_typed=True)
    comparison.add_person(replace(held, values={**held.values, **typed}))
    comparison.add_customer(customer(country="FR"))
    assert list(comparison.settle()) == []
    assert len(comparison.pending()) == 1


class TestTheTypeThatAnExportDoesNotSay:
    exported = customer(type=None)
    complete = in_step("p1", customer())
    without_type = replace(
        complete, values={key: value for key, value in complete.values.items() if key != "polar_customer_type"}
    )

    def test_keeps_a_customer_pending_whose_person_lacks_it(self) -> None:
        found = compared([self.exported], [self.without_type])[0]

        assert list(found.pending()) == [self.exported]
        assert found.without_type == {self.exported.id}

    def test_is_asked_for_also_where_something_else_is_due(self) -> None:
        moved = replace(self.exported, email="ada@new.example.com")

        assert compared([moved], [self.without_type])[0].without_type == {moved.id}

    def test_keeps_a_whole_small_store_pending_that_came_while_polar_could_not_be_asked(self) -> None:
        customers = [customer(f"00000000-0000-4000-8000-{number:012}", type=None) for number in range(200)]
        people = [replace(self.without_type, record_id=one.id) for one in customers]
        untyped = [
            replace(person, values={**person.values, "polar_customer_id": CurrentValue(one.id, "api-token")})
            for person, one in zip(people, customers, strict=True)
        ]

        assert compared(customers, untyped)[0].without_type == {one.id for one in customers}

    def test_is_asked_for_in_one_pass_for_a_few_people_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settling, "MOST_WITHOUT_TYPE", 0)

        assert list(compared([self.exported], [self.without_type])[0].pending()) == []

    def test_is_not_asked_for_of_a_customer_who_is_left_out(self) -> None:
        comparison = Comparison(TARGETS, overwrite_typed=False, skipped=frozenset({self.exported.id}))
        comparison.add_person(self.without_type)
        comparison.add_customer(self.exported)

        assert comparison.without_type == set()

    def test_is_not_compared_where_the_person_has_it(self) -> None:
        assert list(compared([self.exported], [self.complete])[0].pending()) == []

    def test_is_compared_where_a_page_says_it(self) -> None:
        assert list(compared([customer()], [self.without_type])[0].pending()) == [customer()]


class TestTheOrderInWhichBothSidesCome:
    ada = customer()
    bob = customer(BOB, "bob@example.com", name="Bob")
    new = customer(GONE, "new@example.com")
    people = (
        in_step("p1", customer()),
        in_step("p2", customer(BOB, "bob@example.com", name="Bob")),
        in_step("p3", customer(BOB, "bob@example.com", name="Bob")),
        in_step("p4", customer("d0000000-0000-4000-8000-000000000004", "d@example.com")),
    )

    @pytest.mark.parametrize("order", list(itertools.permutations(range(7), 7))[::97])
    def test_does_not_matter(self, order: tuple[int, ...]) -> None:
        comparison = Comparison(TARGETS, overwrite_typed=False)
        for one in ((self.ada, self.bob, self.new, *self.people)[place] for place in order):
            if isinstance(one, Person):
                comparison.add_person(one)
            else:
                comparison.add_customer(one)

        settled = [(outcome.customer_id, outcome.record_id) for outcome in comparison.settle()]

        assert settled == [(ADA, "p1")]
        assert {one.id for one in comparison.pending()} == {BOB, GONE}
        assert {marked.record_id for marked in comparison.copied[BOB]} == {"p2", "p3"}
        assert {marked.marked_by for marked in comparison.copied[BOB]} == {"api-token"}
        assert [marked.record_id for marked in comparison.orphaned()] == ["p4"]
        assert comparison.strangers() == (1, 3)
        assert comparison.record_ids().keys() == {BOB}
        assert (comparison.compared, comparison.settled, comparison.marked_count) == (3, 1, 3)

    def test_does_not_matter_for_a_person_that_two_pages_show(self) -> None:
        comparison = Comparison(TARGETS, overwrite_typed=False)
        comparison.add_customer(self.ada)
        for _ in range(2):
            comparison.add_person(self.people[0])
        assert [outcome.record_id for outcome in comparison.settle()] == ["p1"]
        assert comparison.copied == {}


def test_nothing_is_settled_and_nobody_is_pending_before_both_sides_are_complete() -> None:
    comparison = Comparison(TARGETS, overwrite_typed=False)
    comparison.add_customer(customer())
    comparison.add_person(in_step("p1", customer()))
    assert (list(comparison.pending()), comparison.settled) == ([], 0)
    assert [outcome.result for outcome in comparison.settle()] == [Result.UNCHANGED]
    assert list(comparison.settle()) == []


def test_an_id_on_two_records_is_reported_and_nobody_is_settled_by_it() -> None:
    ada = customer()
    people = [in_step("p1", ada), in_step("p2", ada), in_step("p3", ada)]
    comparison, _ = compared([ada], people)
    assert list(comparison.pending()) == [ada]
    assert [marked.record_id for marked in comparison.copied[ADA]] == ["p1", "p2", "p3"]


def test_a_person_that_two_pages_show_is_one_person() -> None:
    ada = customer()
    comparison, _ = compared([ada], [in_step("p1", ada), in_step("p1", ada)])
    assert comparison.copied == {}
    assert list(comparison.pending()) == []


def test_of_people_who_hold_one_id_together_it_is_reported_who_set_the_mark_and_none_of_their_values() -> None:
    unmarked = person("p2", polar_customer_id=ADA)
    comparison, _ = compared([customer()], [in_step("p1", customer()), unmarked])
    assert comparison.copied[ADA] == [
        Marked("p1", "https://app.attio.com/acme/person/p1", ADA, "api-token"),
        Marked("p2", "https://app.attio.com/acme/person/p2", ADA, is_marked=False),
    ]


def test_ids_that_belong_to_no_customer_are_counted_beside_all_ids() -> None:
    people = [in_step("p1", customer()), in_step("p2", customer(GONE, "x@example.com"))]
    comparison, _ = compared([customer()], people)
    assert comparison.strangers() == (1, 2)


class TestGone:
    def test_marked_and_unknown_to_polar(self) -> None:
        held = in_step("p2", customer(GONE, "x@example.com"))
        comparison, _ = compared([customer()], [in_step("p1", customer()), held])
        assert comparison.orphaned() == [Marked("p2", held.url, GONE, "api-token", values=held.values)]
        assert comparison.marked_count == 2

    def test_marked_by_hand_without_an_id(self) -> None:
        comparison, _ = compared([], [person("p1", "x@example.com", polar_customer=True)])
        assert [marked.customer_id for marked in comparison.orphaned()] == [None]

    def test_not_who_is_unmarked(self) -> None:
        unmarked = person("p1", "x@example.com", polar_customer=False, polar_customer_id=GONE)
        assert compared([], [unmarked])[0].orphaned() == []

    def test_not_who_has_the_address_of_a_live_customer(self) -> None:
        recreated = in_step("p1", customer(GONE, "ada@example.com"))
        assert compared([customer(email="ADA@example.com")], [recreated])[0].orphaned() == []

    def test_not_who_was_given_to_a_customer_in_the_same_pass(self) -> None:
        owners = in_step("p1", customer(GONE, "ada@example.com"))
        comparison, _ = compared([customer(email=None)], [owners])
        assert [marked.record_id for marked in comparison.orphaned()] == ["p1"]
        comparison.note([written(planned(Action.UPDATE, Case.RECREATED, owners, changed="polar_customer_id"), owners)])
        assert comparison.orphaned() == []

    @pytest.mark.parametrize(("action", "changed"), [(Action.KEEP, None), (Action.CREATE, "polar_customer_id")])
    def test_whoever_was_found_unchanged_or_created_was_not_given_to_a_customer(
        self, action: Action, changed: str | None
    ) -> None:
        orphan = in_step("p1", customer(GONE, "x@example.com"))
        comparison, _ = compared([], [orphan])
        comparison.note([written(planned(action, Case.KNOWN, orphan, changed=changed), orphan)])
        assert [marked.record_id for marked in comparison.orphaned()] == ["p1"]

    def test_every_record_that_holds_the_id_of_a_deleted_customer(self) -> None:
        deleted = customer(GONE, "x@example.com")
        comparison, _ = compared([], [in_step("p1", deleted), in_step("p2", deleted), in_step("p3", deleted)])
        assert {marked.record_id for marked in comparison.orphaned()} == {"p1", "p2", "p3"}
        assert comparison.marked_count == 3

    def test_not_whose_customer_exists_although_polar_cannot_show_it(self) -> None:
        comparison, _ = compared([], [in_step("p1", customer())])
        comparison.note([unreadable(ADA, field="email", message="?")])
        assert comparison.orphaned() == []


def test_who_is_left_out_is_settled_as_excluded_whatever_its_person_holds() -> None:
    ada, bob, gone = customer(name="Ada King"), customer(BOB, "bob@example.com"), customer(GONE, "gone@example.com")
    comparison = Comparison(TARGETS, overwrite_typed=False, skipped=frozenset({ADA, BOB}))
    for one in (in_step("p1", customer()), in_step("p2", customer()), in_step("p3", gone)):
        comparison.add_person(one)
    for each in (ada, bob):
        comparison.add_customer(each)

    outcomes = list(comparison.settle())

    assert [(outcome.customer_id, outcome.result, outcome.email) for outcome in outcomes] == [
        (ADA, Result.EXCLUDED, None),
        (BOB, Result.EXCLUDED, None),
    ]
    assert list(comparison.pending()) == []
    assert comparison.copied == {}
    assert (comparison.settled, comparison.excluded) == (2, 2)
    assert comparison.strangers() == (1, 2)
    assert [person.record_id for person in comparison.orphaned()] == ["p3"]


def test_a_person_with_the_address_or_the_id_of_one_that_is_left_out_is_not_orphaned() -> None:
    comparison = Comparison(TARGETS, overwrite_typed=False, skipped=frozenset({ADA, BOB}))
    comparison.add_person(in_step("p1", customer(GONE, "ada@example.com")))
    comparison.add_person(in_step("p2", customer(BOB, "bob@example.com")))
    comparison.add_customer(customer())

    list(comparison.settle())

    assert comparison.orphaned() == []
