"""What becomes of the values of a pass that is taken back, in numbers and with the first links of each kind."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.passes.story import LINKS_SHOWN
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.undo.engine import Take
from polar_attio_pipeline.sync.undo.values import LEFT, WRITES, Item, Verdict

_NAMES: Mapping[Verdict, str] = {}

_NAMED = LEFT | {Verdict.CREATED}


@dataclass
class UndoTally:
    """Counts what becomes of values, and keeps the first links of each kind.

    Attributes:
        take: Takes every item.
        counts: Items by what becomes of them.
        links: The first records of which something stays as it is, by what becomes of it: one more than is shown.
    """

    take: Take
    counts: Counter[Verdict] = field(default_factory=Counter)
    links: dict[Verdict, list[str]] = field(default_factory=dict)

    def add(self, items: Sequence[Item]) -> None:
        """Take in items."""
        for item in items:
            self.counts[item.verdict] += 1
            if item.verdict in _NAMED:
                links, link = self.links.setdefault(item.verdict, []), item.url or item.record_id
                if link not in links and len(links) <= LINKS_SHOWN:
                    links.append(link)
        self.take(items)

    def notes(self, *, clear_created: bool, names: Mapping[Verdict, str] = _NAMES) -> list[str]:
        """Return what a person should know at the end, in sentences: links and ids only.

        Args:
            clear_created: Whether the values of records that a pass made are cleared.
            names: What becomes of a value in other words, where the usual ones do not fit.
        """
        said = [
            f"{self.counts[one]:,} {names.get(one, one)}" for one in Verdict if one not in _NAMED and self.counts[one]
        ]
        notes = [f"Values: {', '.join(said)}."] if said else []
        for verdict, links in self.links.items():
            kept = " (their other values are cleared)" if verdict is Verdict.CREATED and clear_created else ""
            more = "; and others" if len(links) > LINKS_SHOWN else ""
            shown = "; ".join(links[:LINKS_SHOWN])
            notes.append(f"{names.get(verdict, verdict).capitalize()}, {self.counts[verdict]:,}{kept}: {shown}{more}.")
        return notes


def result_of(verdict: Verdict) -> Result:
    """Return under which result of passes an item is counted."""
    if verdict in WRITES:
        return Result.UPDATED
    return Result.REJECTED if verdict in LEFT else Result.UNCHANGED
