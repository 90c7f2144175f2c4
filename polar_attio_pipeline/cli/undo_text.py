"""Passes, and what becomes of the values of one that is taken back, as text for a terminal and as JSON. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polar_attio_pipeline.cli.wrapping import counted, wrapped
from polar_attio_pipeline.ledger import PassRow
from polar_attio_pipeline.passes.guards import UNINSTALL
from polar_attio_pipeline.passes.preview_rows import NOTHING, show
from polar_attio_pipeline.passes.undo import WRITTEN_NEXT, Undone
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.records import Value, ValueType
from polar_attio_pipeline.sync.undo.values import UNDO, WRITES, Item, Verdict

EXAMPLES = 5
"""Shown of each kind that stays as it is; `--json` has all."""

_NAME = 24
"""Characters of the column with names of attributes."""

_EMPTY = "The history has nothing that pass {name} wrote to Attio, so there is nothing to put back."

_NO_END = (
    "It has no end on record: it was killed, or is still under way. An undo waits until it has ended, and takes back "
    "all that it has written by then."
)

_MADE = (
    "People and companies that the pass made stay as they are: delete them in Attio where they are not wanted, or add "
    "--clear-created to clear what the pass wrote to them."
)

_MONEY = {key for key, attribute in BY_KEY.items() if attribute.types[0] is ValueType.CURRENCY}


_NAMES: Mapping[Verdict, str] = {}


@dataclass
class ItemSample:
    """Values by what becomes of them and by attribute, each with an example, and the first that stay as they are.

    Attributes:
        counts: Items by what becomes of them and by the key of the attribute.
        first: The first item of each of these.
        left: The first items, by what becomes of them.
    """

    counts: dict[Verdict, Counter[str]] = field(default_factory=dict)
    first: dict[tuple[Verdict, str], Item] = field(default_factory=dict)
    left: dict[Verdict, list[Item]] = field(default_factory=dict)

    def add(self, items: Iterable[Item]) -> None:
        """Take in items."""
        for item in items:
            self.counts.setdefault(item.verdict, Counter())[item.key] += 1
            self.first.setdefault((item.verdict, item.key), item)
            listed = self.left.setdefault(item.verdict, [])
            if len(listed) < EXAMPLES:
                listed.append(item)


def before(would: Undone, sample: ItemSample, *, width: int = 80) -> Iterator[str]:
    """Yield what would become of a pass, in lines none of which is longer than the width but for a word that is."""
    row = would.undone
    if not row.values:
        yield from wrapped(_EMPTY.format(name=row.pass_id), width)
        return
    yield from wrapped(f"Pass {row.pass_id} wrote {counted(row.values, 'value', 'values')} to Attio.", width)
    yield from wrapped(f"{_when(row)}, {row.kind}: {row.reason}", width, indent="  ", hanging=True)
    if row.ended_at is None:
        yield from wrapped(_NO_END, width)
    yield from sections(sample, width)
    yield ""
    if would.counts.get(Verdict.CREATED) and not would.clear_created:
        yield from wrapped(_MADE, width)
    yield from wrapped(_next(row) if would.written else "There is nothing to put back.", width)


def sections(sample: ItemSample, width: int, *, names: Mapping[Verdict, str] = _NAMES) -> Iterator[str]:
    """Yield what becomes of values, a section for each kind.

    Args:
        sample: Every value, and the first of each kind.
        width: Of the terminal, in characters.
        names: Of kinds that are called something else than usual.
    """
    for verdict in Verdict:
        if verdict in sample.counts:
            yield ""
            yield f"{names.get(verdict, verdict).capitalize()}, {sample.counts[verdict].total():,}"
            is_as_wanted = verdict in WRITES or verdict is Verdict.ALREADY_BACK
            yield from _by_attribute(verdict, sample, width) if is_as_wanted else _each(verdict, sample, width)


def afterwards(done: Undone, *, was_shown: bool, width: int = 80) -> Iterator[str]:
    """Yield what a person should know after an undo.

    Args:
        done: What became of it.
        was_shown: Whether the person has read before what it would be.
        width: Of the terminal, in characters.
    """
    if done.pass_id is None:
        yield from wrapped(_EMPTY.format(name=done.undone.pass_id), width)
        return
    if not done.written:
        yield "Nothing was put back."
        return
    yield from wrapped(f"To take this undo back: polar-attio undo {done.pass_id}", width)
    if not was_shown:
        yield from wrapped(_next(done.undone), width)


def as_document(done: Undone, items: Sequence[Item], *, dry_run: bool) -> dict[str, Any]:
    """Return what became of a pass, or would become of it, for `--json`."""
    return {
        "pass": _pass(done.undone),
        "dry_run": dry_run,
        "undo": done.pass_id,
        "counts": {verdict.value: done.counts.get(verdict, 0) for verdict in Verdict},
        "written": 0 if dry_run else done.written,
        "to_write": done.written if dry_run else 0,
        "left": done.left,
        "values": [item_as_json(item) for item in items],
    }


def passes_text(rows: Sequence[PassRow], *, width: int = 80) -> Iterator[str]:
    """Yield the newest passes, three lines each: when and what, the id, why and how many."""
    if not rows:
        yield "No pass that has written something to Attio is on record."
        return
    for row in rows:
        ended = row.ended or "under way, or killed"
        yield from wrapped(
            f"{_when(row)}  {row.kind}, {counted(row.values, 'value', 'values')} written, {ended}", width
        )
        yield f"  {row.pass_id}"
        counts = ", ".join(f"{number:,} {result}" for result, number in row.counts.items() if number)
        yield from wrapped("; ".join(filter(None, (row.reason, counts))), width, indent="  ", hanging=True)
    yield ""
    yield from wrapped("To see what taking one back would write: polar-attio undo ID --dry-run", width)


def passes_as_document(rows: Sequence[PassRow]) -> list[dict[str, Any]]:
    """Return the newest passes for `--json`."""
    return [_pass(row) for row in rows]


def _pass(row: PassRow) -> dict[str, Any]:
    return {
        "id": row.pass_id,
        "kind": row.kind,
        "reason": row.reason,
        "began_at": row.began_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "ended": row.ended,
        "counts": dict(row.counts),
        "requests": row.requests,
        "values": row.values,
    }


def item_as_json(item: Item) -> dict[str, Any]:
    """Return what becomes of one value, for `--json`."""
    return {
        "object": item.object_slug,
        "record": item.record_id,
        "url": item.url or None,
        "customer": item.customer_id,
        "attribute": item.key or None,
        "verdict": item.verdict.value,
        "before": _shown(item.key, item.before),
        "written": _shown(item.key, item.after),
        "held": _shown(item.key, item.held.value) if item.held else None,
        "held_by": item.held.actor if item.held else None,
        "detail": item.detail or None,
    }


def _next(row: PassRow) -> str:
    return "What was undone is written again." if row.kind in {UNDO, UNINSTALL} else WRITTEN_NEXT


def _by_attribute(verdict: Verdict, sample: ItemSample, width: int) -> Iterator[str]:
    """Yield a line for each attribute: how many, and what is written of the first."""
    for key, number in sample.counts[verdict].most_common():
        item = sample.first[verdict, key]
        old, new = (_shown(key, value) or NOTHING for value in (item.after, item.before))
        example = f"  {old} -> {new}" if verdict in WRITES else ""
        yield from wrapped(f"{key or 'whole records':<{_NAME}}{number:>8,}{example}", width, indent="  ", hanging=True)


def _each(verdict: Verdict, sample: ItemSample, width: int) -> Iterator[str]:
    """Yield a line for each of the first items: the attribute, why, and where."""
    for item in sample.left[verdict]:
        said = "  ".join(filter(None, (item.key, item.detail, item.url or item.record_id)))
        yield from wrapped(said, width, indent="  ", hanging=True)
    more = sample.counts[verdict].total() - len(sample.left[verdict])
    if more:
        yield f"  and {more:,} more (--json has all)"


def _shown(key: str, value: Value | None) -> str | None:
    return show(value, places=2 if key in _MONEY else None)


def _when(row: PassRow) -> str:
    return f"{row.began_at:%Y-%m-%d %H:%M} UTC"
