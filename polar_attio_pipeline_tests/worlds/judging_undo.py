"""What must be true of passes that were taken back: each value is as before, or what others have made of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from polar_attio_pipeline_tests.worlds.witness import EMAILS, OTHERS, Event, Held, Place, Witness


@dataclass(frozen=True)
class Verdict:
    """What was found about the places at which a pass had written.

    Attributes:
        back: Places where what was there before is there again.
        kept: Places that others have changed since, or whose record is no more, and where that stays.
        unknown: Places that somebody changed in the second between a look and a write, or where nothing is left to show
            what a killed pass has written.
    """

    back: int = 0
    kept: int = 0
    unknown: int = 0


def judge_undo(
    witness: Witness,
    taken_back: Collection[str],
    undos: Collection[str],
    untraced: Collection[Place],
    now: Mapping[Place, Held],
) -> Verdict:
    """Hold what Attio holds against what it held before.

    Args:
        witness: Of the world.
        taken_back: The passes that were taken back.
        undos: The passes that took them back.
        untraced: Places of which the history cannot say that they were written.
        now: What Attio holds.
    """
    written = {event.place for event in witness.by(taken_back)}
    touched = {event.place for event in witness.by(undos)}
    assert touched <= written, f"an undo has written where no pass had: {touched - written}"
    records = {record_id for record_id, _ in now}
    back = kept = unknown = 0
    for place in sorted(written):
        events = witness.at(place)
        if witness.raced(place) or (place[0], place[1].partition(" ")[0]) in untraced:
            unknown += 1
            continue
        if place[0] not in records:
            kept += 1
            continue
        is_kept, expected = _expected(events, taken_back, undos)
        held = now.get(place)
        if _content(held) != _content(expected):
            assert _is_the_only_address(place, now), f"{place} holds {held}, and should hold {expected}: {events}"
        kept += is_kept
        back += not is_kept
    return Verdict(back, kept, unknown)


def _expected(events: list[Event], taken_back: Collection[str], undos: Collection[str]) -> tuple[bool, Held | None]:
    """Return whether others have had the last word at a place, and what is to be there."""
    first = next(number for number, event in enumerate(events) if event.by in taken_back)
    since = [event for event in events[first:] if event.by not in taken_back and event.by not in undos]
    if since:
        return True, since[-1].new
    # A record that a pass made is not deleted, so what the pass wrote there stays.
    if events[first].made:
        return True, next(event.new for event in reversed(events) if event.by in taken_back)
    return False, events[first].old


def _is_the_only_address(place: Place, now: Mapping[Place, Held]) -> bool:
    record_id, slug = place
    mine = [other for other in now if other[0] == record_id and other[1].startswith(EMAILS)]
    return slug.startswith(EMAILS) and mine == [place]


def _content(held: Held | None) -> object:
    return held[0] if held else None


def others_word(witness: Witness, place: Place) -> bool:
    """Tell whether others have changed a place after the last pass that wrote there."""
    return bool(witness.at(place)) and witness.at(place)[-1].by == OTHERS
