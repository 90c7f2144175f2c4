"""What must be true of a plan that was applied: its writes are the plan minus what has drifted, and drift is named."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from polar_attio_pipeline.passes.apply import Applied
from polar_attio_pipeline.passes.plan_file import PlanFile
from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline_tests.sync.state import same_spelling
from polar_attio_pipeline_tests.worlds.neighbourhood import Neighbourhood
from polar_attio_pipeline_tests.worlds.witness import EMAILS, OTHERS, Event, Held, Place, Witness, shows

ID = "polar_customer_id"


@dataclass(frozen=True)
class Moments:
    """Both sides at some moments.

    Attributes:
        planned: What decides about each customer of the plan, when the plan was made.
        at_apply: The same before the plan was applied.
        after: What Attio held when it was applied.
    """

    planned: Mapping[str, Neighbourhood]
    at_apply: Mapping[str, Neighbourhood]
    after: Mapping[Place, Held]


@dataclass(frozen=True)
class Verdict:
    """What was found about the customers of a plan.

    Attributes:
        written: Customers for whom all of the plan is in Attio.
        drifted: Customers for whom nothing was written, and who were named.
    """

    written: int
    drifted: int


def judge_apply(witness: Witness, plan: PlanFile, passes: Sequence[str], applied: Applied, moments: Moments) -> Verdict:
    """Hold what was written against the plan.

    Args:
        witness: Of the world.
        plan: The plan.
        passes: The passes that applied it, one after the other; only the last one was not killed.
        applied: What the last one said.
        moments: Both sides when the plan was made and applied.
    """
    entries = [*plan.customers, *plan.deleted]
    events = witness.by(passes)
    records = _records(witness, entries)
    _nothing_but_the_plan(witness, entries, events, records)
    named = {drift.customer_id for drift in applied.drifted}
    assert not applied.unread
    assert named <= {entry.customer_id for entry in entries}
    first, end = witness.spans[passes[0]][0], witness.spans[passes[-1]][1]
    others_meanwhile = any(event.by == OTHERS for event in witness.events[first:end])
    for entry in entries:
        mine = [event for event in events if event.place[0] in records[entry.customer_id]]
        if entry.customer_id in named:
            assert others_meanwhile or not mine, f"{entry.customer_id} has drifted, and something was written for it"
            has_changed = moments.planned.get(entry.customer_id) != moments.at_apply.get(entry.customer_id)
            assert others_meanwhile or has_changed, f"{entry.customer_id} has drifted, and nothing has changed"
        else:
            _all_of_it_is_there(witness, entry, records[entry.customer_id], moments)
    return Verdict(written=len(entries) - len(named), drifted=len(named))


def _records(witness: Witness, entries: Sequence[Approved]) -> dict[str, set[str]]:
    """Return the records of each customer: the one of the plan; else those that ever held its id."""
    held: dict[str, set[str]] = {}
    for event in witness.events:
        if event.place[1] == ID and event.new:
            held.setdefault(str(event.new[0]), set()).add(event.place[0])
    return {
        entry.customer_id: {entry.record_id} if entry.record_id else held.get(entry.customer_id, set())
        for entry in entries
    }


def _nothing_but_the_plan(
    witness: Witness, entries: Sequence[Approved], events: Sequence[Event], records: Mapping[str, set[str]]
) -> None:
    planned: dict[Place, list[Change]] = {}
    for entry in entries:
        for record_id, change in product(records[entry.customer_id], entry.changes):
            planned.setdefault((record_id, _slug(change)), []).append(change)
    for event in events:
        # A member may have copied the id of one customer to the person of another: then each may have written there.
        possible = [change for change in planned.get(event.place, []) if _is(event.new, change)]
        assert possible, f"{event} is not in the plan: {planned.get(event.place)}"
        if possible[0].key != EMAILS and not witness.raced(event.place):
            assert any(shows(event.old, change.old) for change in possible), f"{event} was another when planned"


def _all_of_it_is_there(witness: Witness, entry: Approved, records: Collection[str], moments: Moments) -> None:
    assert records, f"{entry} was written for nobody"
    for change in entry.changes:
        places = [(record_id, _slug(change)) for record_id in records]
        is_there = any(_is(moments.after.get(place), change) for place in places)
        was_changed = any(event.by == OTHERS for place in places for event in witness.at(place))
        assert is_there or was_changed, f"{change} of {entry.customer_id} is not in Attio"


def _is(held: Held | None, change: Change) -> bool:
    if change.key == EMAILS:
        return held is not None and held[0] == same_spelling(str(change.new))
    return shows(held, change.new)


def _slug(change: Change) -> str:
    return f"{EMAILS} {same_spelling(str(change.new))}" if change.key == EMAILS else change.key
