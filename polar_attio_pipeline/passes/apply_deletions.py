"""The part of a plan that is about people whose customer was deleted in Polar."""

from collections.abc import Sequence

from polar_attio_pipeline.passes.changed import FOUND_AT_ONCE
from polar_attio_pipeline.passes.lifecycle import Work
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.approval import Approved, Divergence, Drift, Held, diverging, left_out
from polar_attio_pipeline.sync.comparison import Marked, marked
from polar_attio_pipeline.sync.deletions import Deletions, due, note_deletions

_NOT_FOUND = "Attio failed on each search for the person."
_NO_RECORD = "The person is not in Attio any more."
_OTHER_ID = "The person holds another Polar id now, or none."
_NOT_WANTED = "Nothing is to be written to the person any more: the settings say so, or it is left out on purpose."
_NOT_TAKEN = "Polar has the customer again or could not say, or Attio did not take the write."


async def write_deletions(
    context: PassContext, work: Work, entries: Sequence[Approved]
) -> tuple[Deletions, Sequence[Drift]]:
    """Write to people whose customer was deleted what the plan says, as far as they are as it says.

    Returns:
        What was written, and who was left out, with the reason.

    Raises:
        UnavailableError: a service answers nothing at all.
        StoppedError: every request would fail the same way.
    """
    if not entries:
        return Deletions(), []
    work.reporter.enter(Stage.DELETIONS, total=len(entries))
    services, unmark = context.services(work.recorder), context.rules.unmark_orphaned
    people, unsearchable = await _people(context, entries)
    agreed: dict[str, tuple[Approved, Marked]] = {}
    drifts: list[Drift] = []
    for entry in entries:
        person = people.get(entry.record_id or "")
        if person is None or person.customer_id != entry.customer_id:
            why = _NOT_FOUND if entry.record_id in unsearchable else _NO_RECORD
            drifts.append(left_out(entry, _OTHER_ID if person else why))
            continue
        fresh = due(person, services, unmark=unmark)
        found = diverging(entry.changes, fresh, Held(person.values))
        if not fresh and set(found.values()) == {Divergence.IN_POLAR}:
            # The person is as it was, and Polar says nothing of a customer that it does not have.
            drifts.append(left_out(entry, _NOT_WANTED))
        elif found:
            drifts.append(Drift(entry.customer_id, found, record_id=person.record_id))
        else:
            agreed[person.record_id] = entry, person
    deletions = await note_deletions(
        [person for _, person in agreed.values()], services, unmark=unmark, seen=work.reporter.advance
    )
    drifts += [left_out(agreed[person.record_id][0], _NOT_TAKEN) for person in deletions.kept]
    return deletions, drifts


async def _people(context: PassContext, entries: Sequence[Approved]) -> tuple[dict[str, Marked], set[str]]:
    """Return the people of some entries, by record id, as Attio has them now, and the records it could not look for."""
    people: dict[str, Marked] = {}
    unsearchable: set[str] = set()
    for start in range(0, len(entries), FOUND_AT_ONCE):
        records = [one.record_id for one in entries[start : start + FOUND_AT_ONCE] if one.record_id]
        found = await context.attio.find(ids=[], emails=[], records=records)
        people |= {person.record_id: marked(person) for person in found.people}
        unsearchable |= found.unsearchable
    return people, unsearchable
