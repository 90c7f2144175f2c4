"""A preview as text for a terminal: the totals first, then some examples of each kind of change. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from polar_attio_pipeline.cli.wrapping import counted, wrapped
from polar_attio_pipeline.passes.preview_rows import NOTHING, WRITTEN, Kind, Row, by_attribute
from polar_attio_pipeline.sync.attributes import in_order
from polar_attio_pipeline.sync.planning import EMAILS_KEY

EXAMPLES = 5
"""Shown of each kind of change; `--json` has all."""

_NAME = 24
"""Characters of the column with names of attributes."""

_HEADINGS = {
    Kind.CREATE: "New people",
    Kind.SET: "{field}: set where it is empty",
    Kind.CHANGE: "{field}: changed",
    Kind.CLEAR: "{field}: cleared",
    Kind.LEFT_ALONE: "{field}: differs, but is left alone (typed by a human, enriched, of another app)",
    Kind.LEFT_EMPTY: "{field}: left empty",
    Kind.REJECT: "Rejected ({case})",
    Kind.ASK: "A human has to decide ({case})",
}


def text(
    counts: Mapping[str, int], changes: Sequence[Row], notes: Iterable[str] = (), *, deleted: int = 0, width: int = 80
) -> Iterator[str]:
    """Yield the lines, none of which is longer than the width but for a word that is.

    Args:
        counts: Customers by what would be done.
        changes: Every row of the preview.
        notes: What could not be read, in sentences.
        deleted: People to write to whose customer was deleted in Polar.
        width: Of the terminal, in characters.
    """
    yield from wrapped(f"{counted(sum(counts.values()), 'customer', 'customers')}, {_totals(counts)}.", width)
    if deleted:
        people = counted(deleted, "person", "people")
        yield from wrapped(f"{people} to update whose customer was deleted in Polar.", width)
    for note in notes:
        yield from wrapped(note, width)
    yield from _attributes(changes)
    for (kind, about), found in _by_kind(changes).items():
        yield ""
        heading = _HEADINGS[kind].format(field=about, case=about)
        yield from wrapped(f"{heading}, {len(found):,}", width)
        for row in found[:EXAMPLES]:
            yield from wrapped(_example(kind, row), width, indent="  ", hanging=True)
        if len(found) > EXAMPLES:
            yield f"  and {len(found) - EXAMPLES:,} more (--json has all)"


def _totals(counts: Mapping[str, int]) -> str:
    usual = {action: count for action, count in counts.items() if count or action != "exclude"}
    return ", ".join(f"{count:,} to {action}" for action, count in usual.items())


def _attributes(changes: Sequence[Row]) -> Iterator[str]:
    found = by_attribute(changes)
    if not found:
        return
    columns = ("in new people", *(kind.value for kind in WRITTEN if kind is not Kind.CREATE))
    yield ""
    yield f"{'Fields to write':<{_NAME}}" + "".join(f"{column:>14}" for column in columns)
    for field, kinds in found.items():
        # A slug of the workspace's own may be of any length.
        name = field if len(field) < _NAME else f"{field[: _NAME - 4]}..."
        yield f"{name:<{_NAME}}" + "".join(f"{kinds[kind.value]:>14,}" for kind in WRITTEN)


def _by_kind(changes: Iterable[Row]) -> dict[tuple[Kind, str], list[Row]]:
    """Return the rows by kind and attribute, or by kind and reason; of a new person one row stands for all."""
    found: dict[tuple[Kind, str], list[Row]] = {}
    for row in changes:
        kind = Kind(row["kind"] or "")
        if kind is Kind.CREATE and row["field"] != EMAILS_KEY:
            continue
        is_failure = kind in {Kind.REJECT, Kind.ASK}
        about = "" if kind is Kind.CREATE else (row["case"] if is_failure else row["field"]) or ""
        found.setdefault((kind, about), []).append(row)
    fields = [EMAILS_KEY, *in_order({about for _, about in found} - {EMAILS_KEY})]
    kinds = list(Kind)

    def place(of: tuple[Kind, str]) -> tuple[int, int, str]:
        return kinds.index(of[0]), fields.index(of[1]) if of[1] in fields else 0, of[1]

    return {key: found[key] for key in sorted(found, key=place)}


def _example(kind: Kind, row: Row) -> str:
    if kind is Kind.CREATE:
        return f"{row['customer']}  {row['new']}"
    if kind in {Kind.REJECT, Kind.ASK, Kind.LEFT_EMPTY}:
        return "  ".join(filter(None, (row["customer"], row["note"], row["attio"])))
    return f"{row['customer']}  {row['old'] or NOTHING} -> {row['new']}"
