"""What becomes of each value that a pass wrote, given what its record holds now: put back, cleared, or left. Pure.

A value is touched only where it is the pass's own still: it equals what the pass wrote, an API key wrote it, and no
later pass has written the attribute again.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.records import Actor, CurrentValue, PersonName, Value, ValueType
from polar_attio_pipeline.sync.undo.values import WRITES, Effect, HeldRecord, Item, RecordEffects, Verdict, same
from polar_attio_pipeline.sync.writes import COMPANY_KEY

_MATCHING = frozenset({EMAILS_KEY, "domains"})
"""What the CRM itself tells records apart by."""

_WROTE: Mapping[Actor, str] = {
    "workspace-member": "A workspace member has written it since.",
    "app": "Another app has written it since.",
    "system": "Attio itself has written it since.",
    "api-token": "An API key has written it since, in no pass on record; of a select, the option may be renamed.",
}

_KINDS: Mapping[ValueType, type] = {
    ValueType.CHECKBOX: bool,
    ValueType.TEXT: str,
    ValueType.DATE: date,
    ValueType.TIMESTAMP: datetime,
    ValueType.NAME: PersonName,
    ValueType.NUMBER: Decimal,
    ValueType.CURRENCY: Decimal,
    ValueType.SELECT: str,
}


def judge(effect: Effect, held: CurrentValue | None) -> tuple[Verdict, str]:
    """Return what becomes of a value, and why where the verdict alone does not say it.

    Args:
        effect: What the pass did.
        held: What the record holds now.
    """
    key, value = effect.key, held.value if held else None
    # A pass may have changed nothing but white space, which then is what tells both apart.
    exactly = same(key, effect.before, effect.after)
    if same(key, value, effect.before, exactly=exactly):
        return Verdict.ALREADY_BACK, ""
    if effect.later:
        return Verdict.WRITTEN_AGAIN, f"Pass {effect.later} has written it since: undo that one first."
    if effect.taken_back or not same(key, value, effect.after, exactly=exactly):
        return Verdict.CHANGED, _WROTE[held.actor] if held else "It has been cleared since."
    if held and held.actor != "api-token":
        return Verdict.CHANGED, f"{_WROTE[held.actor]} It is the same value."
    return (Verdict.CLEARED if effect.before is None else Verdict.PUT_BACK), ""


def items_of(
    record: RecordEffects, held: HeldRecord | None, targets: Mapping[str, Target], *, clear_created: bool
) -> list[Item]:
    """Return what becomes of everything that a pass wrote to one record.

    Of a record that the pass made, nothing is touched unless that is wanted; its name and what the CRM finds it by stay
    in any case, so that a person who may want to delete it can see who it is.

    Args:
        record: What the pass did.
        held: The record now; None where the CRM no longer has it.
        targets: The attributes that can be written, by key.
        clear_created: Whether the attributes of a record that the pass made are cleared.
    """
    if held is None:
        return [_item_of_missing(record)]
    if not record.created:
        return [_item(record, effect, held, targets) for effect in record.effects]
    made = Item(record.object_slug, record.record_id, held.url, record.customer_id, "", Verdict.CREATED)
    if not clear_created:
        return [made]
    cleared = [effect for effect in record.effects if not _identifies(effect.key, targets)]
    return [made, *(_item(record, effect, held, targets) for effect in cleared)]


def held_value(held: HeldRecord, effect: Effect) -> CurrentValue | None:
    """Return what a record holds now where a pass has written."""
    if effect.key == EMAILS_KEY:
        address = effect.before if effect.after is None else effect.after
        return next((one for one in held.addresses if same(EMAILS_KEY, one.value, address)), None)
    return held.company if effect.key == COMPANY_KEY else held.values.get(effect.key)


def _item_of_missing(record: RecordEffects) -> Item:
    about = record.object_slug, record.record_id, "", record.customer_id, ""
    if record.created:
        return Item(*about, Verdict.ALREADY_BACK, detail="The pass made the record, and it no longer exists.")
    return Item(*about, Verdict.GONE, detail="It was deleted, or merged into another one.")


def _identifies(key: str, targets: Mapping[str, Target]) -> bool:
    return key in _MATCHING or (key in targets and targets[key].attribute.standard)


def _item(record: RecordEffects, effect: Effect, held: HeldRecord, targets: Mapping[str, Target]) -> Item:
    current = held_value(held, effect)
    verdict, detail = judge(effect, current)
    if effect.key not in targets and effect.key not in {EMAILS_KEY, COMPANY_KEY}:
        verdict = Verdict.NOT_WRITABLE
        detail = "The workspace or the settings have no such attribute any more: `polar-attio doctor` says which have."
    elif verdict in WRITES and (problem := _problem(effect, held, targets)):
        verdict, detail = problem
    return Item(
        object_slug=record.object_slug,
        record_id=record.record_id,
        url=held.url,
        customer_id=record.customer_id,
        key=effect.key,
        verdict=verdict,
        before=effect.before,
        after=effect.after,
        held=current,
        detail=detail,
    )


def _problem(effect: Effect, held: HeldRecord, targets: Mapping[str, Target]) -> tuple[Verdict, str] | None:
    """Return why a value cannot be put back, although it is the pass's own still."""
    if effect.key == EMAILS_KEY:
        is_only = effect.before is None and len(held.addresses) == 1
        return (Verdict.ONLY_ADDRESS, "The person would be left without any address.") if is_only else None
    target = targets.get(effect.key)
    if target is None or effect.before is None:
        return None
    if not _fits(effect.before, target.type):
        return Verdict.NOT_WRITABLE, f"An attribute of type {target.type} cannot hold what was there before."
    if target.type is ValueType.SELECT and effect.before not in target.options:
        return Verdict.NOT_WRITABLE, "The option that was chosen before is no longer there: add or restore it in Attio."
    return None


def _fits(value: Value, kind: ValueType) -> bool:
    return type(value) is _KINDS[kind]
