"""What all passes together left in an attribute, and what was there before the first of them."""

from dataclasses import replace
from typing import Any

import pytest

from polar_attio_pipeline.sync.records import Actor, CurrentValue
from polar_attio_pipeline.sync.undo.leaving import effects_of_all, with_held
from polar_attio_pipeline.sync.undo.values import Effect, HeldRecord, PastWrite, RecordEffects

MEMBER: Actor = "workspace-member"
KEY: Actor = "api-token"


def write(
    old: Any, new: Any, actor: Actor | None = None, *, key: str = "polar_country", record: str = "r"
) -> PastWrite:
    return PastWrite("p", "hourly", "people", record, "c", key, old, actor, new)


def effect(*history: PastWrite, cleared: tuple[str, ...] = ("polar_country",)) -> tuple[Any, Any]:
    ((found,),) = (one.effects for one in effects_of_all(history, stay=(), cleared=cleared))
    return found.before, found.after


@pytest.mark.parametrize(
    ("history", "before_and_after"),
    [
        ([write(None, "DE")], (None, "DE")),
        ([write(None, "DE"), write("DE", "FR", KEY)], (None, "FR")),
        ([write(None, "DE"), write("DE", None, KEY), write(None, "FR")], (None, "FR")),
        ([write(None, "DE"), write("typed", "FR", MEMBER)], ("typed", "FR")),
        ([write(None, "DE"), write("typed", "FR", MEMBER), write("FR", "IT", KEY)], ("typed", "IT")),
        ([write("typed", "DE", MEMBER), write("typed", "DE", MEMBER)], ("typed", "DE")),
        ([write("DE", "FR", KEY)], (None, "FR")),
        ([write(None, "DE"), write("DE", None, KEY)], (None, None)),
    ],
    ids=[
        "one write",
        "two writes",
        "taken back and written again",
        "written over what was typed between",
        "and again after that",
        "tried twice",
        "the history begins late",
        "taken back",
    ],
)
def test_what_was_there_before_is_what_no_pass_wrote(
    history: list[PastWrite], before_and_after: tuple[Any, Any]
) -> None:
    assert effect(*history) == before_and_after


def test_of_an_attribute_that_others_may_write_too_what_another_key_wrote_counts_as_before() -> None:
    assert effect(write("of an app", "DE", KEY), cleared=()) == ("of an app", "DE")


def test_behind_a_write_that_was_tried_again_the_earlier_ones_are_seen() -> None:
    again = write("DE", "FR", KEY)

    assert effect(write(None, "DE"), again, again, cleared=()) == (None, "FR")


def test_a_record_is_of_its_newest_customer_and_made_by_the_sync_if_any_write_made_it() -> None:
    history = [
        replace(write(None, "DE"), created=True),
        replace(write("DE", "FR", KEY), customer_id="newer"),
        replace(write("FR", "IT", KEY), customer_id=None),
    ]

    assert effects_of_all(history, stay=(), cleared=()) == [
        RecordEffects("people", "r", "newer", created=True, effects=(Effect("polar_country", None, "IT"),))
    ]


def test_attributes_that_stay_are_left_out_and_each_record_stands_by_itself() -> None:
    history = [write(None, "DE"), write(None, "Ada", key="name"), write(None, "FR", record="s")]

    found = effects_of_all(history, stay={"name"}, cleared=())

    assert [(one.record_id, [each.key for each in one.effects]) for one in found] == [
        ("r", ["polar_country"]),
        ("s", ["polar_country"]),
    ]


def test_what_a_key_holds_now_counts_as_written_and_what_a_person_typed_does_not() -> None:
    known = RecordEffects("people", "r", "c", created=True, effects=(Effect("polar_country", "typed", "DE"),))
    held = HeldRecord(
        "r",
        "",
        {
            "polar_country": CurrentValue("FR", KEY),
            "polar_customer_id": CurrentValue("id", KEY),
            "polar_external_id": CurrentValue("x", MEMBER),
            "name": CurrentValue("Ada", KEY),
        },
    )

    found = with_held(known, held, keys={"polar_country", "polar_customer_id", "polar_external_id"})

    assert set(found.effects) == {
        Effect("polar_country", "typed", "FR"),
        Effect("polar_customer_id", None, "id"),
    }
    assert found.created
