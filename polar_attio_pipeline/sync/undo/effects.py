"""What a pass did to each value of each record in all, and whether that still stands, out of the history. Pure.

An undo cancels the write that it has taken back; an undo that was taken back itself counts as never done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.records import Value
from polar_attio_pipeline.sync.undo.values import UNDO, Effect, PastWrite, RecordEffects, RecordKey, Selection, same
from polar_attio_pipeline.sync.writes import COMPANY_KEY, RecordedValue


def effects_of(pass_id: str, history: Iterable[PastWrite], selection: Selection) -> list[RecordEffects]:
    """Return what a pass did to records, one after the other.

    Args:
        pass_id: The pass.
        history: All that any pass has written to these records, oldest first.
        selection: Which part of the pass counts.
    """
    by_record: dict[RecordKey, list[PastWrite]] = {}
    for write in history:
        by_record.setdefault((write.object_slug, write.record_id), []).append(write)
    found = (_of_record(pass_id, writes, selection) for writes in by_record.values())
    return [one for one in found if one.effects]


@dataclass(slots=True)
class _Span:
    """Writes of one pass to one attribute without another's between them."""

    write: PastWrite
    before: Value | None
    after: Value | None


def _of_record(pass_id: str, writes: Sequence[PastWrite], selection: Selection) -> RecordEffects:
    spans: dict[tuple[str, str], list[_Span]] = {}
    for write in writes:
        for name, before, after in _steps(write):
            _extend(spans.setdefault((write.key, name), []), write, before, after)
    own = [write for write in writes if write.pass_id == pass_id]
    found = (_effect(pass_id, listed, selection) for listed in spans.values())
    return RecordEffects(
        object_slug=writes[0].object_slug,
        record_id=writes[0].record_id,
        customer_id=next((write.customer_id for write in own if write.customer_id), None),
        created=any(write.created for write in own),
        effects=tuple(effect for effect in found if effect),
    )


def _steps(write: PastWrite) -> list[tuple[str, Value | None, Value | None]]:
    """Return a write as changes of single values: a name that tells addresses apart, before, after."""
    if write.key != EMAILS_KEY:
        return [("", _single(write.old), _single(write.new))]
    if not isinstance(write.new, tuple):
        address = str(write.new)
        return [(email_key(address), None, address)]
    before = write.old if isinstance(write.old, tuple) else ()
    kept = set(map(email_key, write.new))
    return [(email_key(address), address, None) for address in before if email_key(address) not in kept]


def _extend(spans: list[_Span], write: PastWrite, before: Value | None, after: Value | None) -> None:
    """Add a change to the last span where it goes on from there, such as a write that was tried again."""
    last = spans[-1] if spans else None
    if last and last.write.pass_id == write.pass_id:
        if same(write.key, last.after, before):
            last.after = after
            return
        if same(write.key, last.before, before) and same(write.key, last.after, after):
            return
    spans.append(_Span(write, before, after))


def _effect(pass_id: str, spans: Sequence[_Span], selection: Selection) -> Effect | None:
    place = max((place for place, span in enumerate(spans) if span.write.pass_id == pass_id), default=None)
    if place is None:
        return None
    own = spans[place]
    changed_nothing = same(own.write.key, own.before, own.after, exactly=True)
    if changed_nothing or not selection.takes(own.write) or _restored_company(own.write):
        return None
    standing = _standing(spans[place + 1 :])
    taken_back = bool(standing) and standing[0].write.kind == UNDO
    later = standing[taken_back:]
    return Effect(own.write.key, own.before, own.after, taken_back, later[-1].write.pass_id if later else None)


def _standing(later: Iterable[_Span]) -> list[_Span]:
    """Return the writes since that count, oldest first: an undo cancels the write before it, and is none itself.

    An undo that is the first of them has taken back the pass in question.
    """
    standing: list[_Span] = []
    for span in later:
        if span.write.kind == UNDO and standing:
            standing.pop()
        else:
            standing.append(span)
    return standing


def _restored_company(write: PastWrite) -> bool:
    """Tell whether a pass gave a person the company back that Attio had replaced: then it is as before the pass."""
    return write.key == COMPANY_KEY and write.old_actor == "system"


def _single(value: RecordedValue | None) -> Value | None:
    return ", ".join(value) if isinstance(value, tuple) else value
