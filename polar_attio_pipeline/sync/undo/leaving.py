"""What all passes together did to the sync's own attributes, so that it can be taken out of the CRM. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from polar_attio_pipeline.sync.records import Value
from polar_attio_pipeline.sync.undo.values import Effect, HeldRecord, PastWrite, RecordEffects, RecordKey, same
from polar_attio_pipeline.sync.writes import RecordedValue


def effects_of_all(
    history: Iterable[PastWrite], *, stay: Collection[str], cleared: Collection[str]
) -> list[RecordEffects]:
    """Return what passes have left in some attributes of records, and what was there before the first of them.

    Where something else came between two passes, such as a value that a person typed and a pass then wrote over, that
    is what was there before.

    Args:
        history: All that any pass has written to these records, oldest first.
        stay: The keys of attributes that stay as they are.
        cleared: Those of attributes that belong to the sync alone. What an API key wrote there before is an older value
            of the sync's, of which the history no longer knows: it is not put back.
    """
    by_record: dict[RecordKey, list[PastWrite]] = {}
    for write in history:
        by_record.setdefault((write.object_slug, write.record_id), []).append(write)
    return [_of_record(record, writes, stay, cleared) for record, writes in by_record.items()]


def with_held(record: RecordEffects, held: HeldRecord, *, keys: Collection[str]) -> RecordEffects:
    """Count everything that an API key has left in some attributes as the sync's, whatever the history knows of it.

    Args:
        record: What the history says.
        held: What the record holds now.
        keys: The attributes, which belong to the sync alone.
    """
    effects = {effect.key: effect for effect in record.effects}
    for key in keys:
        current = held.values.get(key)
        if current and current.actor == "api-token":
            known = effects.get(key) or Effect(key, None, None)
            effects[key] = replace(known, after=current.value)
    return replace(record, effects=tuple(effects.values()))


def _of_record(
    record: RecordKey, writes: Sequence[PastWrite], stay: Collection[str], cleared: Collection[str]
) -> RecordEffects:
    by_key: dict[str, list[PastWrite]] = {}
    for write in writes:
        if write.key not in stay:
            by_key.setdefault(write.key, []).append(write)
    return RecordEffects(
        *record,
        customer_id=next((write.customer_id for write in reversed(writes) if write.customer_id), None),
        created=any(write.created for write in writes),
        effects=tuple(_effect(listed, clears=key in cleared) for key, listed in by_key.items()),
    )


def _effect(writes: Sequence[PastWrite], *, clears: bool) -> Effect:
    first = writes[-1]
    for earlier in reversed(writes[:-1]):
        # A write that was tried again is on record twice, with the same value before.
        again = same(first.key, _single(earlier.old), _single(first.old))
        if not again and not same(first.key, _single(earlier.new), _single(first.old)):
            break
        first = earlier
    before = None if clears and first.old_actor == "api-token" else _single(first.old)
    return Effect(first.key, before, _single(writes[-1].new))


def _single(value: RecordedValue | None) -> Value | None:
    return ", ".join(value) if isinstance(value, tuple) else value
