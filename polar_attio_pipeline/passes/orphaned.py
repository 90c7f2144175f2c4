"""People of Attio whom Polar does not have any more, and what is to be written to them, after a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sync.comparison import Comparison, Marked
from polar_attio_pipeline.sync.deletions import due
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline.sync.services import Services


@dataclass(frozen=True, slots=True)
class Orphaned:
    """People who are marked as customers and whom Polar does not have.

    Attributes:
        people: All of them.
        to_write: Those to whom something is to be written, with that; none where there are more of them than the
            rules trust an answer of Polar's to be right about.
    """

    people: Sequence[Marked]
    to_write: Sequence[tuple[Marked, tuple[Change, ...]]]


def orphaned(comparison: Comparison, services: Services, rules: Rules) -> Orphaned:
    """Return the orphaned people of a comparison.

    Args:
        comparison: Of all customers; it has taken note of what became, or will become, of each.
        services: Says which attributes the workspace has.
        rules: Say whether marks are taken off, and of how many people at most.
    """
    people, unmark = comparison.orphaned(), rules.unmark_orphaned
    planned = [(person, due(person, services, unmark=unmark)) for person in people]
    to_write = [(person, changes) for person, changes in planned if changes]
    # People whose status says it already stay marked for ever where no mark is taken off.
    share = len(people if unmark else to_write) / max(1, comparison.marked_count)
    is_trusted = comparison.compared > 0 and share <= rules.unmark_max_share
    return Orphaned(people, to_write if is_trusted else [])
