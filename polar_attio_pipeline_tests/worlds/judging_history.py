"""What must be true of the history: it has each write once, and its replay gives what Attio holds of ours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.changes import ChangeRow
from polar_attio_pipeline_tests.worlds.judging_undo import others_word
from polar_attio_pipeline_tests.worlds.witness import EMAILS, OTHERS, Event, Held, Place, Witness, shows


@dataclass(frozen=True)
class Verdict:
    """What was found about the history.

    Attributes:
        rows: How many it has.
        untraced: Places that a killed pass has written and others have changed before the next pass could look: then
            Attio shows nothing of the write any more.
    """

    rows: int
    untraced: Collection[Place]


def judge_history(
    witness: Witness, ledger: Ledger, passes: Sequence[str], killed: Collection[str], now: Mapping[Place, Held]
) -> Verdict:
    """Hold the history against what has happened.

    Args:
        witness: Of the world.
        ledger: With the history.
        passes: All passes, the oldest first.
        killed: Those of them that were killed.
        now: What Attio holds.
    """
    rows = {pass_id: ledger.changes_of_pass(pass_id) for pass_id in passes}
    merged = {event.place[0] for event in witness.events if event.by == OTHERS and event.made}
    untraced: set[Place] = set()
    for number, pass_id in enumerate(passes):
        # What a killed pass has made and a member has merged before the next pass could look is in the merged record.
        missing = _judge_pass(witness, pass_id, rows[pass_id], merged if pass_id in killed else ())
        end = witness.spans[passes[min(number + 1, len(passes) - 1)]][1]
        lost = {
            place for place in missing if pass_id not in killed or not _is_overwritten(witness, pass_id, place, end)
        }
        assert not lost, f"{pass_id} has written what is not on record: {lost}"
        untraced |= missing
    whole = [row for pass_id in passes for row in rows[pass_id]]
    _judge_replay(witness, whole, {place for place in now if place[0] in merged} | untraced, now)
    return Verdict(sum(map(len, rows.values())), untraced)


def _is_overwritten(witness: Witness, pass_id: str, place: Place, end: int) -> bool:
    """Tell whether others have changed the record after a pass wrote to it, and before the next one had looked."""
    written = min(
        number for number, event in enumerate(witness.events) if event.by == pass_id and event.place[0] == place[0]
    )
    return any(event.by == OTHERS and event.place[0] == place[0] for event in witness.events[written:end])


def _judge_pass(witness: Witness, pass_id: str, rows: Sequence[ChangeRow], merged: Collection[str]) -> set[Place]:
    """Hold the history of a pass against what it did; return the places that are missing from it."""
    by_place: dict[Place, list[Event]] = {}
    for event in witness.by([pass_id]):
        record_id, slug = event.place
        by_place.setdefault((record_id, slug.partition(" ")[0]), []).append(event)
    recorded: dict[Place, list[ChangeRow]] = {}
    for row in rows:
        recorded.setdefault((row.record_id, row.attribute), []).append(row)
    missing, invented = by_place.keys() - recorded.keys(), recorded.keys() - by_place.keys()
    invented = {place for place in invented if place[0] not in merged and not _is_others_address(witness, place)}
    assert not invented, f"on record of {pass_id} is what it has not written: {invented}"
    for place, events in by_place.items():
        if place[1] == EMAILS or place in missing:
            continue
        first, last = recorded[place][0], recorded[place][-1]
        assert shows(events[-1].new, last.new_value), f"{place}: {events[-1]}, on record {last}"
        if not witness.raced(place):
            assert shows(events[0].old, first.old_value), f"{place}: {events[0]}, on record {first}"
            assert len(recorded[place]) == len(events), f"{place} is on record more often than it was written"
    return missing


def _is_others_address(witness: Witness, place: Place) -> bool:
    """Tell whether others have added an address to a person: what a killed pass was to add looks the same."""
    record_id, slug = place
    return slug == EMAILS and any(
        event.by == OTHERS and event.new and event.place[0] == record_id and event.place[1].startswith(EMAILS)
        for event in witness.events
    )


def _judge_replay(
    witness: Witness, rows: Sequence[ChangeRow], untraced: Collection[Place], now: Mapping[Place, Held]
) -> None:
    replayed = {(row.record_id, row.attribute): row.new_value for row in rows if row.attribute != EMAILS}
    for place, held in now.items():
        if held[1] == "api-token" and place not in untraced:
            assert place in replayed, f"{place} holds {held}, and no history says so"
    for place, value in replayed.items():
        if place not in untraced and not others_word(witness, place):
            assert shows(now.get(place), value), f"{place} holds {now.get(place)}, the history says {value}"
