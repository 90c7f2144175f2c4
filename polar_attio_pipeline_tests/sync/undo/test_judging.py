"""What becomes of each value of a pass that is taken back, given what the record holds now."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Actor, CurrentValue, PersonName, Value, ValueType
from polar_attio_pipeline.sync.undo.judging import items_of, judge
from polar_attio_pipeline.sync.undo.values import Effect, HeldRecord, Item, RecordEffects, Verdict

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
KEY, EMAILS = "polar_country", "email_addresses"
TARGETS = {
    key: Target(attribute, attribute.types[0], options=frozenset(attribute.options))
    for key, attribute in BY_KEY.items()
}


def by(value: Value, actor: Actor = "api-token") -> CurrentValue:
    return CurrentValue(value, actor)


@pytest.mark.parametrize(
    ("before", "held", "verdict"),
    [
        ("DE", by("FR"), Verdict.PUT_BACK),
        (None, by("FR"), Verdict.CLEARED),
        ("DE", by("FR", "workspace-member"), Verdict.CHANGED),
        ("DE", by("FR", "app"), Verdict.CHANGED),
        ("DE", by("FR", "system"), Verdict.CHANGED),
        ("DE", by("IT"), Verdict.CHANGED),
        ("DE", by("IT", "workspace-member"), Verdict.CHANGED),
        ("DE", None, Verdict.CHANGED),
        ("DE", by("DE"), Verdict.ALREADY_BACK),
        ("DE", by("DE", "workspace-member"), Verdict.ALREADY_BACK),
        (None, None, Verdict.ALREADY_BACK),
    ],
)
def test_a_value_is_put_back_only_where_that_of_the_pass_is_still_there(
    before: Value | None, held: CurrentValue | None, verdict: Verdict
) -> None:
    assert judge(Effect(KEY, before, "FR"), held)[0] is verdict


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (by("IT", "workspace-member"), "A workspace member has written it since."),
        (by("IT", "app"), "Another app has written it since."),
        (by("FR", "system"), "Attio itself has written it since. It is the same value."),
        (None, "It has been cleared since."),
    ],
)
def test_of_a_value_that_was_changed_since_it_is_said_by_whom(held: CurrentValue | None, why: str) -> None:
    assert judge(Effect(KEY, "DE", "FR"), held) == (Verdict.CHANGED, why)


def test_the_later_pass_that_has_to_be_taken_back_first_is_named() -> None:
    why = "Pass p2 has written it since: undo that one first."

    assert judge(Effect(KEY, "DE", "FR", later="p2"), by("FR")) == (Verdict.WRITTEN_AGAIN, why)


@pytest.mark.parametrize(
    ("effect", "held", "verdict"),
    [
        (Effect(KEY, "DE", "FR", taken_back=True), by("FR"), Verdict.CHANGED),
        (Effect(KEY, "DE", "FR", taken_back=True), by("DE"), Verdict.ALREADY_BACK),
        (Effect(KEY, "DE", "FR", later="p2"), by("FR"), Verdict.WRITTEN_AGAIN),
        (Effect(KEY, "DE", "FR", later="p2"), by("DE"), Verdict.ALREADY_BACK),
        (Effect(KEY, "DE", None), None, Verdict.PUT_BACK),
        (Effect(KEY, "DE", None), by("IT", "workspace-member"), Verdict.CHANGED),
        (Effect("polar_customer_id", " x", "x"), by("x"), Verdict.PUT_BACK),
        (Effect("polar_customer_id", " x", "x"), by(" x"), Verdict.ALREADY_BACK),
        (Effect("polar_customer_id", " x", "x"), by("x "), Verdict.CHANGED),
    ],
    ids=[
        "taken back, and written by nobody on record",
        "taken back",
        "written again by a later pass",
        "a later pass has brought it back",
        "cleared by the pass",
        "cleared by the pass and filled since",
        "white space taken off",
        "white space is there again",
        "other white space is there",
    ],
)
def test_histories_decide_beside_the_values(effect: Effect, held: CurrentValue | None, verdict: Verdict) -> None:
    assert judge(effect, held)[0] is verdict


def test_a_time_is_the_same_although_attio_cuts_its_fraction_off() -> None:
    written = NOON + timedelta(milliseconds=999)

    assert judge(Effect(KEY, None, written), by(NOON))[0] is Verdict.CLEARED


def record(*effects: Effect, created: bool = False) -> RecordEffects:
    return RecordEffects("people", "r1", "ada", created, effects)


def holding(*addresses: CurrentValue, **values: Value) -> HeldRecord:
    return HeldRecord("r1", "https://attio.example/r1", {key: by(value) for key, value in values.items()}, addresses)


def judged(effects: RecordEffects, held: HeldRecord | None, *, clear_created: bool = False) -> list[Item]:
    return items_of(effects, held, TARGETS, clear_created=clear_created)


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (ValueType.CHECKBOX, "true"),
        (ValueType.TEXT, Decimal(1)),
        (ValueType.DATE, NOON),
        (ValueType.TIMESTAMP, date(2026, 11, 3)),
        (ValueType.NAME, "Ada"),
        (ValueType.NUMBER, "1"),
        (ValueType.CURRENCY, "10 EUR"),
        (ValueType.SELECT, PersonName("Ada", "", "Ada")),
    ],
)
def test_an_old_value_that_the_attribute_cannot_hold_any_more_is_named(kind: ValueType, before: Value) -> None:
    after: Any = "written by the pass"
    targets = {KEY: Target(BY_KEY[KEY], kind)}

    (item,) = items_of(record(Effect(KEY, before, after)), holding(polar_country=after), targets, clear_created=False)

    assert item.verdict is Verdict.NOT_WRITABLE
    assert kind in item.detail


def test_each_item_names_the_record_and_shows_all_three_values() -> None:
    (item,) = judged(record(Effect(KEY, "DE", "FR")), holding(polar_country="FR"))

    assert item == Item(
        object_slug="people",
        record_id="r1",
        url="https://attio.example/r1",
        customer_id="ada",
        key=KEY,
        verdict=Verdict.PUT_BACK,
        before="DE",
        after="FR",
        held=by("FR"),
    )


def test_a_company_is_judged_by_the_company_that_the_person_has() -> None:
    held = HeldRecord("r1", "https://attio.example/r1", {}, (), company=by("c2"))

    (item,) = judged(record(Effect("company", "c1", "c2")), held)

    assert (item.verdict, item.held) == (Verdict.PUT_BACK, by("c2"))


@pytest.mark.parametrize(
    ("option", "verdict", "detail"),
    [
        ("Paying", Verdict.PUT_BACK, ""),
        (
            "An option of old",
            Verdict.NOT_WRITABLE,
            "The option that was chosen before is no longer there: add or restore it in Attio.",
        ),
    ],
)
def test_an_option_is_put_back_where_the_select_still_has_it(option: str, verdict: Verdict, detail: str) -> None:
    (item,) = judged(record(Effect("polar_status", option, "Churned")), holding(polar_status="Churned"))

    assert (item.verdict, item.detail) == (verdict, detail)


def test_an_attribute_that_the_workspace_no_longer_has_is_named_with_where_to_look() -> None:
    (item,) = judged(record(Effect("of_old", "a", "b")), HeldRecord("r1", "", {"of_old": by("b")}, ()))

    assert item.verdict is Verdict.NOT_WRITABLE
    assert item.detail == (
        "The workspace or the settings have no such attribute any more: `polar-attio doctor` says which have."
    )


def test_an_address_is_taken_off_unless_it_is_the_only_one_or_somebody_else_added_it() -> None:
    effect = record(Effect(EMAILS, None, "New@x.org"))
    new, old = by("new@x.org"), by("old@x.org", "workspace-member")

    assert judged(effect, holding(new, old))[0].verdict is Verdict.CLEARED
    (only,) = judged(effect, holding(new))
    assert (only.verdict, only.detail) == (Verdict.ONLY_ADDRESS, "The person would be left without any address.")
    assert judged(effect, holding(by("new@x.org", "workspace-member"), old))[0].verdict is Verdict.CHANGED
    assert judged(effect, holding(old))[0].verdict is Verdict.ALREADY_BACK


def test_an_address_that_a_pass_took_off_comes_back_where_nobody_gave_it_back() -> None:
    effect = record(Effect(EMAILS, "Old@x.org", None))

    assert judged(effect, holding(by("new@x.org")))[0].verdict is Verdict.PUT_BACK
    assert judged(effect, holding(by("new@x.org"), by("old@x.org")))[0].verdict is Verdict.ALREADY_BACK


def test_of_a_record_that_the_pass_made_name_and_addresses_stay_in_any_case() -> None:
    name = PersonName("Ada", "L", "Ada L")
    made = record(Effect(EMAILS, None, "a@x.org"), Effect("name", None, name), Effect(KEY, None, "DE"), created=True)
    held = holding(by("a@x.org"), name=name, polar_country="DE")

    assert judged(made, held) == [Item("people", "r1", "https://attio.example/r1", "ada", "", Verdict.CREATED)]
    assert [(item.key, item.verdict) for item in judged(made, held, clear_created=True)] == [
        ("", Verdict.CREATED),
        (KEY, Verdict.CLEARED),
    ]


def test_a_record_that_is_gone_is_one_item() -> None:
    effects = Effect(KEY, None, "DE"), Effect("name", None, "Ada")

    (gone,) = judged(record(*effects), None)
    (unmade,) = judged(record(*effects, created=True), None)

    why = "It was deleted, or merged into another one."
    assert gone == Item("people", "r1", "", "ada", "", Verdict.GONE, detail=why)
    why = "The pass made the record, and it no longer exists."
    assert unmade == Item("people", "r1", "", "ada", "", Verdict.ALREADY_BACK, detail=why)


def test_no_sentence_holds_a_value() -> None:
    effects = record(Effect(KEY, "secret old", "secret new"), Effect("polar_status", "secret", "Active"))

    for held in (holding(polar_country="typed"), holding(polar_country="secret new", polar_status="Active")):
        assert not any("secret" in item.detail for item in judged(effects, held))
