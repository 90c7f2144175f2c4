"""People of the CRM whose customer was deleted: their status says so, and their mark is taken off where that is wanted.

Nothing else of a person is changed, and nobody is deleted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from polar_attio_pipeline.sync.billing import Status
from polar_attio_pipeline.sync.comparison import MARK_KEY, Marked
from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.planning import STATUS_KEY, may_write
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    NoAnswerError,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Values, ValueType
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import Write, WrittenValue


def _unseen(people: int) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """What became of people whose customer was deleted.

    Attributes:
        unmarked: The mark is off.
        stated: The status says so now.
        kept: Something was to be written and was not, because Polar has the customer after all, or could not say, or
            Attio did not take it.
    """

    unmarked: Sequence[Marked] = ()
    stated: Sequence[Marked] = ()
    kept: Sequence[Marked] = ()


def due(person: Marked, services: Services, *, unmark: bool) -> tuple[WrittenValue, ...]:
    """Return what is to be written for a person whose customer was deleted; nothing where all of it is there.

    Args:
        person: As the CRM holds it. Without an id there is nothing to ask Polar for, so nothing is written.
        services: Says which attributes the workspace has, and whether a typed status may be written over.
        unmark: Whether the mark is to be taken off.
    """
    if person.customer_id is None:
        return ()
    mark = (WrittenValue(MARK_KEY, True, person.marked_by, False),) if unmark and person.is_marked else ()
    return (*mark, *_status(person, services))


def _status(person: Marked, services: Services) -> Iterator[WrittenValue]:
    held, said = person.status, Status.DELETED.value
    for target in services.targets:
        if target.attribute.key != STATUS_KEY or (target.type is ValueType.SELECT and said not in target.options):
            continue
        differs = held is None or held.value != said
        if differs and may_write(target.attribute.policy, held, overwrite_typed=services.overwrite_typed):
            yield WrittenValue(STATUS_KEY, held.value if held else None, held.actor if held else None, said)


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
        values = due(person, services, unmark=unmark)
        if values and await _exists_no_more(person, services, polar) and await _write(person, values, services, attio):
            keys = {value.key for value in values}
            unmarked += [person] if MARK_KEY in keys else []
            stated += [person] if STATUS_KEY in keys else []
        elif values or (unmark and person.is_marked):
            kept.append(person)
        seen(1)
    return Deletions(unmarked, stated, kept)


async def _exists_no_more(person: Marked, services: Services, polar: Health) -> bool:
    try:
        exists = await services.source.exists(person.customer_id or "")
    except NoAnswerError:
        return False
    except UnavailableError as error:
        await polar.failed(Kind.EXISTENCE, error)
        return False
    polar.succeeded(Kind.EXISTENCE)
    return not exists


async def _write(person: Marked, values: tuple[WrittenValue, ...], services: Services, attio: Health) -> bool:
    if attio.closed(Kind.UPDATE):
        return False
    try:
        sent: Values = {MARK_KEY: False, STATUS_KEY: Status.DELETED.value}
        await services.people.update(person.record_id, {value.key: sent[value.key] for value in values})
    except (RecordGoneError, RecordRefusedError):
        return False
    except (UnavailableError, DeniedError) as error:
        await attio.failed(Kind.UPDATE, error)
        return False
    attio.succeeded(Kind.UPDATE)
    services.history.add(Write(person.customer_id or "", person.record_id, values))
    return True
