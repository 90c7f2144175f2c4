"""People of the CRM whose customer was deleted: what they hold says so, and their mark is taken off where wanted.

What it says of each attribute stands in `Attribute.of_deleted`. No person is deleted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from polar_attio_pipeline.sync.comparison import MARK_KEY, Marked
from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.mapping import Nothing, Target, Wanted
from polar_attio_pipeline.sync.planning import STATUS_KEY, Change, differences
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    NoAnswerError,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Value, ValueType
from polar_attio_pipeline.sync.refused_writes import dropped_if_refused
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import WrittenValue


def _unseen(people: int) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """What became of people whose customer was deleted.

    Attributes:
        unmarked: The mark is off.
        stated: What it holds says so now: the status, and that nothing is paid.
        kept: Something was to be written and was not, because Polar has the customer after all, or could not say, or
            Attio did not take it.
    """

    unmarked: Sequence[Marked] = ()
    stated: Sequence[Marked] = ()
    kept: Sequence[Marked] = ()


def due(person: Marked, services: Services, *, unmark: bool) -> tuple[Change, ...]:
    """Return what is to be written for a person whose customer was deleted; nothing where all of it is there.

    Args:
        person: As the CRM holds it. Without an id there is nothing to ask Polar for, so nothing is written; nor is it
            where a person has chosen to leave the customer out.
        services: Says which attributes the workspace has, and whether a typed status may be written over.
        unmark: Whether the mark is to be taken off.
    """
    if person.customer_id is None or person.customer_id in services.skipped:
        return ()
    mark = (Change(MARK_KEY, True, False),) if unmark and person.is_marked else ()
    said = Wanted(dict(_said(person, services.targets)), {})
    differing = differences(person.values, said, services.targets, overwrite_typed=services.overwrite_typed)
    return (*mark, *differing.changes)


def _said(person: Marked, targets: tuple[Target, ...]) -> Iterator[tuple[str, Value | None]]:
    """Yield what attributes hold of a deleted customer; but for the status, only where they hold something."""
    for target in targets:
        key, said = target.attribute.key, target.attribute.of_deleted
        if said is None or (key not in person.values and key != STATUS_KEY):
            continue
        if target.type is not ValueType.SELECT or said in target.options:
            yield key, None if isinstance(said, Nothing) else said


async def note_deletions(
    people: Iterable[Marked], services: Services, *, unmark: bool, seen: Callable[[int], None] = _unseen
) -> Deletions:
    """Write for each person what is due, after asking for its customer once more.

    Args:
        people: Whom Polar no longer has.
        services: Both sides.
        unmark: Whether their mark is to be taken off.
        seen: Takes how many more of them were looked at.

    Raises:
        ServiceDownError: a service answers nothing at all.
        StoppedError: every request would fail the same way.
    """
    attio, polar = Health(services.people.is_answering), Health(services.source.is_answering)
    unmarked: list[Marked] = []
    stated: list[Marked] = []
    kept: list[Marked] = []
    for person in people:
        changes = due(person, services, unmark=unmark)
        if (
            changes
            and await _exists_no_more(person, services, polar)
            and await _write(person, changes, services, attio)
        ):
            keys = {change.key for change in changes}
            unmarked += [person] if MARK_KEY in keys else []
            stated += [person] if keys - {MARK_KEY} else []
        elif changes or (unmark and person.is_marked):
            kept.append(person)
        seen(1)
    return Deletions(unmarked, stated, kept)


async def _exists_no_more(person: Marked, services: Services, polar: Health) -> bool:
    if polar.closed(Kind.EXISTENCE):
        return False
    try:
        exists = await services.source.exists(person.customer_id or "")
    except NoAnswerError:
        exists = True  # For all that is known.
    except UnavailableError as error:
        await polar.failed(Kind.EXISTENCE, error)
        return False
    polar.succeeded(Kind.EXISTENCE)
    return not exists


async def _write(person: Marked, changes: tuple[Change, ...], services: Services, attio: Health) -> bool:
    if attio.closed(Kind.UPDATE):
        return False
    history, values = services.history, {change.key: change.new for change in changes}
    intent = Intent(person.customer_id, person.record_id, tuple(_written(person, changes)))
    history.intend([intent])
    try:
        with dropped_if_refused(history, intent):
            answered = await services.people.update(person.record_id, values)
    except (RecordGoneError, RecordRefusedError):
        return False
    except (UnavailableError, DeniedError) as error:
        await attio.failed(Kind.UPDATE, error)
        return False
    attio.succeeded(Kind.UPDATE)
    history.settle(intent, *intent.done(person.record_id, [(values, answered.execution_id)]))
    return True


def _written(person: Marked, changes: Iterable[Change]) -> Iterator[WrittenValue]:
    actors = {MARK_KEY: person.marked_by, **{key: held.actor for key, held in person.values.items()}}
    for change in changes:
        yield WrittenValue(change.key, change.old, actors.get(change.key), change.new)
