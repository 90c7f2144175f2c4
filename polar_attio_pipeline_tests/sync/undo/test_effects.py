"""What a pass did to a value in all, and whether that still stands, out of histories of several passes."""

from typing import Any

import pytest

from polar_attio_pipeline.sync.undo.effects import effects_of
from polar_attio_pipeline.sync.undo.values import Effect, PastWrite, RecordEffects, Selection

ALL = Selection()
COUNTRY, EMAILS, COMPANY = "polar_country", "email_addresses", "company"


def wrote(pass_id: str, old: Any, new: Any, **fields: Any) -> PastWrite:
    """A write of a country; passes whose name begins with "undo" are undos."""
    given = {
        "kind": "undo" if pass_id.startswith("undo") else "reconciliation",
        "object_slug": "people",
        "record_id": "r1",
        "customer_id": "ada",
        "key": COUNTRY,
        "old_actor": None,
        **fields,
    }
    return PastWrite(pass_id=pass_id, old=old, new=new, **given)


def effects(pass_id: str, *history: PastWrite) -> tuple[Effect, ...]:
    found = effects_of(pass_id, history, ALL)
    return found[0].effects if found else ()


PLAIN = wrote("first", "a", "b")


@pytest.mark.parametrize(
    ("since", "taken_back", "later"),
    [
        ([], False, None),
        ([wrote("undo 1", "b", "a")], True, None),
        ([wrote("undo 1", "b", "a"), wrote("undo 2", "a", "b")], False, None),
        ([wrote("undo 1", "b", "a"), wrote("undo 2", "a", "b"), wrote("undo 3", "b", "a")], True, None),
        ([wrote("second", "b", "c")], False, "second"),
        ([wrote("second", "b", "c"), wrote("third", "c", "d")], False, "third"),
        ([wrote("second", "b", "c"), wrote("undo 1", "c", "b")], False, None),
        ([wrote("second", "b", "c"), wrote("third", "c", "d"), wrote("undo 1", "d", "c")], False, "second"),
        ([wrote("undo 1", "b", "a"), wrote("second", "a", "b")], True, "second"),
        ([wrote("undo 1", "b", "a"), wrote("second", "a", "b"), wrote("undo 2", "b", "a")], True, None),
    ],
    ids=[
        "nothing",
        "taken back",
        "taken back, and that again",
        "taken back twice",
        "a later pass",
        "two later passes",
        "a later pass that was taken back",
        "two later passes, the newest taken back",
        "taken back, and written again",
        "taken back, written again, and that taken back",
    ],
)
def test_what_was_written_since_decides_whether_the_value_is_still_that_of_the_pass(
    since: list[PastWrite], taken_back: bool, later: str | None
) -> None:
    assert effects("first", PLAIN, *since) == (Effect(COUNTRY, "a", "b", taken_back, later),)


def test_an_undo_is_taken_back_like_any_pass() -> None:
    undone = wrote("undo 1", "b", "a")

    assert effects("undo 1", PLAIN, undone) == (Effect(COUNTRY, "b", "a"),)
    again = wrote("undo 2", "a", "b")
    assert effects("undo 1", PLAIN, undone, again) == (Effect(COUNTRY, "b", "a", taken_back=True),)


def test_several_writes_of_one_pass_are_one_from_the_first_old_value_to_the_last_new_one() -> None:
    assert effects("first", PLAIN, wrote("first", "b", "c")) == (Effect(COUNTRY, "a", "c"),)
    assert effects("first", PLAIN, PLAIN) == (Effect(COUNTRY, "a", "b"),)
    assert effects("first", PLAIN, wrote("first", "b", "a")) == (), "in all, nothing"


def test_what_somebody_else_wrote_between_two_writes_of_a_pass_is_what_comes_back() -> None:
    typed = wrote("first", "typed", "c")

    assert effects("first", PLAIN, typed) == (Effect(COUNTRY, "typed", "c"),)


def test_where_somebody_put_the_old_value_back_between_two_writes_the_last_one_stands() -> None:
    assert effects("first", PLAIN, wrote("first", "a", "c")) == (Effect(COUNTRY, "a", "c"),)


def test_a_write_that_is_on_record_twice_is_one() -> None:
    assert effects("first", PLAIN, PLAIN) == (Effect(COUNTRY, "a", "b"),)


@pytest.mark.parametrize(
    ("since", "taken_back"),
    [
        ([wrote("undo 1", "b", "a"), wrote("undo 1", "b", "a")], True),
        ([wrote("second", "b", "c"), wrote("second", "b", "c"), wrote("undo 1", "c", "b")], False),
    ],
    ids=["the undo of the pass", "a later pass that was taken back"],
)
def test_a_write_since_that_is_on_record_twice_is_one_too(since: list[PastWrite], *, taken_back: bool) -> None:
    assert effects("first", PLAIN, *since) == (Effect(COUNTRY, "a", "b", taken_back),)


def test_a_pass_that_changed_white_space_alone_has_changed_the_value() -> None:
    assert effects("first", wrote("first", " a", "a")) == (Effect(COUNTRY, " a", "a"),)


def test_each_address_is_a_value_of_its_own() -> None:
    added = wrote("first", ("a@x.org",), "B@x.org", key=EMAILS)
    other = wrote("second", ("b@x.org", "a@x.org"), "c@x.org", key=EMAILS)
    removed = wrote("undo 1", ("c@x.org", "b@x.org", "a@x.org"), ("c@x.org", "a@x.org"), key=EMAILS)

    assert effects("first", added, other) == (Effect(EMAILS, None, "B@x.org"),)
    assert effects("first", added, other, removed) == (Effect(EMAILS, None, "B@x.org", taken_back=True),)
    assert effects("undo 1", added, other, removed) == (Effect(EMAILS, "b@x.org", None),)
    assert effects("second", added, other, removed) == (Effect(EMAILS, None, "c@x.org"),)


def test_an_address_is_one_value_however_it_is_spelt() -> None:
    added = wrote("first", ("a@x.org",), "B@x.org", key=EMAILS)
    spelt = wrote("first", ("a@x.org",), "b@x.org", key=EMAILS)
    removed = {"old": ("b@x.org", "a@x.org"), "new": ("a@x.org",), "key": EMAILS}
    removed_again = removed | {"old": ("B@x.org", "a@x.org")}

    assert effects("first", added, spelt) == (Effect(EMAILS, None, "B@x.org"),)
    assert effects("first", added, wrote("first", **removed)) == ()
    assert effects("first", wrote("first", **removed), added) == (), "in all, nothing"
    assert effects("first", added, wrote("undo 1", **removed), wrote("undo 1", **removed_again)) == (
        Effect(EMAILS, None, "B@x.org", taken_back=True),
    )


def test_a_company_that_a_pass_gave_back_after_attio_had_replaced_it_is_as_before() -> None:
    restored = wrote("first", "company of attio", "company of a person", key=COMPANY, old_actor="system")
    linked = wrote("first", None, "company", key=COMPANY)

    assert effects("first", restored) == ()
    assert effects("first", linked) == (Effect(COMPANY, None, "company"),)


def test_a_record_says_whether_the_pass_made_it() -> None:
    made = wrote("first", None, "b", created=True)

    assert effects_of("first", [made], ALL) == [
        RecordEffects("people", "r1", "ada", created=True, effects=(Effect(COUNTRY, None, "b"),))
    ]
    (second,) = effects_of("second", [made, wrote("second", "b", "c")], ALL)
    assert not second.created


def test_a_record_of_no_single_customer_such_as_a_company_names_none() -> None:
    of_a_company = wrote("first", "a", "b", object_slug="companies", customer_id=None)

    assert effects_of("first", [of_a_company], ALL) == [
        RecordEffects("companies", "r1", None, created=False, effects=(Effect(COUNTRY, "a", "b"),))
    ]


def test_records_are_told_apart_by_object_and_id() -> None:
    history = [PLAIN, wrote("first", "x", "y", record_id="r2"), wrote("first", 1, 2, object_slug="companies")]

    found = effects_of("first", history, ALL)

    assert [(one.object_slug, one.record_id) for one in found] == [
        ("people", "r1"),
        ("people", "r2"),
        ("companies", "r1"),
    ]


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        (ALL, {COUNTRY, "name"}),
        (Selection(attributes=frozenset({COUNTRY})), {COUNTRY}),
        (Selection(customers=frozenset({"bob"})), {"name"}),
        (Selection(frozenset({"ada"}), frozenset({"name"})), set()),
    ],
)
def test_a_selection_takes_attributes_and_customers(selection: Selection, keys: set[str]) -> None:
    history = [PLAIN, wrote("first", None, "Bob", key="name", customer_id="bob")]

    found = effects_of("first", history, selection)

    assert {effect.key for one in found for effect in one.effects} == keys
