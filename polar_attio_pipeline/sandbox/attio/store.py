"""Records with the full history of their values, and the indexes that make a large workspace answer fast."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from polar_attio_pipeline.sandbox.attio.errors import object_not_found, record_not_found
from polar_attio_pipeline.sandbox.attio.schema import ActorType, Attribute, ObjectType, Option
from polar_attio_pipeline.sandbox.attio.times import stamp


class Actor(NamedTuple):
    """Who wrote a value."""

    type: ActorType
    id: str | None


class Reference(NamedTuple):
    """A value that points at a record."""

    object_slug: str
    record_id: str


class Version(NamedTuple):
    """A value, since when it holds, and who wrote it."""

    value: Any
    since: str
    actor: Actor


class Past(NamedTuple):
    """A value that no longer holds."""

    attribute: Attribute
    version: Version
    until: str


class Record:
    """A person or a company: the values that hold, and those that did."""

    __slots__ = ("active", "created_at", "created_by", "id", "object_type", "past")

    def __init__(self, record_id: str, object_type: ObjectType, created_at: str, created_by: Actor) -> None:
        self.id = record_id
        self.object_type = object_type
        self.created_at = created_at
        self.created_by = created_by
        self.active: dict[Attribute, tuple[Version, ...]] = {}
        self.past: tuple[Past, ...] = ()


class EqualityIndex:
    """Finds record ids by a value's key."""

    def __init__(self) -> None:
        self._ids: dict[Hashable, str | dict[str, None]] = {}

    def get(self, key: Hashable) -> Iterable[str]:
        """Return the records that hold the key, in the order in which they came to it."""
        found = self._ids.get(key)
        return (found,) if isinstance(found, str) else tuple(found or ())

    def add(self, key: Hashable, record_id: str) -> None:
        """Note that a record holds the key."""
        found = self._ids.get(key)
        if found is None:
            self._ids[key] = record_id
        elif isinstance(found, str):
            self._ids[key] = {found: None, record_id: None}
        else:
            found[record_id] = None

    def discard(self, key: Hashable, record_id: str) -> None:
        """Note that a record no longer holds the key."""
        found = self._ids.get(key)
        if isinstance(found, dict):
            found.pop(record_id, None)
        if found == record_id or not found:
            self._ids.pop(key, None)


def index_key(value: Any) -> Hashable:
    """Return what two equal values have in common: text without case, a reference's record, an option's id."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, Reference):
        return value.record_id
    if isinstance(value, Option):
        return value.id
    return value if isinstance(value, Hashable) else repr(value)


class Store:
    """All records of a workspace.

    Attributes:
        revision: Changes with every write, so that a cached answer knows its age.
    """

    def __init__(self, clock: Callable[[], datetime], random: Random) -> None:
        self.objects: list[ObjectType] = []
        self.revision = 0
        self._clock = clock
        self._random = random
        self._tables: dict[ObjectType, dict[str, Record]] = {}
        self._indexes: dict[Attribute, EqualityIndex] = {}

    def new_id(self) -> str:
        """Return a new version 4 UUID."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def now(self) -> str:
        """Return the time as Attio writes it."""
        return stamp(self._clock())

    def add_object(self, object_type: ObjectType) -> None:
        """Add an object without records."""
        self.objects.append(object_type)
        self._tables[object_type] = {}

    def object_type(self, slug_or_id: str) -> ObjectType:
        """Return an object.

        Raises:
            AttioError: there is none; 404.
        """
        for object_type in self.objects:
            if slug_or_id in (object_type.slug, object_type.id):
                return object_type
        raise object_not_found(slug_or_id)

    def records(self, object_type: ObjectType) -> dict[str, Record]:
        """Return an object's records by id, in the order of their creation."""
        return self._tables[object_type]

    def record(self, object_type: ObjectType, record_id: str) -> Record:
        """Return one record.

        Raises:
            AttioError: it was never there, was deleted or was merged into another; 404.
        """
        found = self._tables[object_type].get(record_id)
        if found is None:
            raise record_not_found(record_id)
        return found

    def count(self) -> int:
        """Return how many records the workspace holds."""
        return sum(len(table) for table in self._tables.values())

    def insert(self, record: Record) -> None:
        """Add a record, whose values may already be there."""
        self._tables[record.object_type][record.id] = record
        self.revision += 1
        for attribute, versions in record.active.items():
            self._reindex(record.id, attribute, (), versions)

    def remove(self, record: Record) -> None:
        """Take a record away, for good."""
        del self._tables[record.object_type][record.id]
        self.revision += 1
        for attribute, versions in record.active.items():
            self._reindex(record.id, attribute, versions, ())

    def put(self, record: Record, attribute: Attribute, versions: tuple[Version, ...], until: str) -> None:
        """Make these the values that hold; those among the old that are missing from them become history."""
        before = record.active.get(attribute, ())
        kept = {id(version) for version in versions}
        record.past += tuple(Past(attribute, version, until) for version in before if id(version) not in kept)
        if versions:
            record.active[attribute] = versions
        else:
            record.active.pop(attribute, None)
        self.revision += 1
        self._reindex(record.id, attribute, before, versions)

    def versions(self, record: Record, attribute: Attribute) -> tuple[Version, ...]:
        """Return the values that hold for an attribute, also of one that Attio derives."""
        if attribute.computed:
            return (Version(_computed(record, attribute.slug), record.created_at, record.created_by),)
        if attribute.inverse_of is not None:
            return tuple(self._inverse(record, attribute.inverse_of))
        return record.active.get(attribute, ())

    def holders(self, attribute: Attribute, value: Any) -> Iterable[str]:
        """Return the ids of the records that hold a value, compared without case."""
        return self._index(attribute).get(index_key(value))

    def _inverse(self, record: Record, attribute: Attribute) -> Iterator[Version]:
        owners = (table for object_type, table in self._tables.items() if attribute in object_type.attributes)
        table = next(owners)
        for record_id in self._index(attribute).get(record.id):
            owner = table[record_id]
            _, since, actor = owner.active[attribute][0]
            yield Version(Reference(owner.object_type.slug, record_id), since, actor)

    def _index(self, attribute: Attribute) -> EqualityIndex:
        index = self._indexes.get(attribute)
        if index is None:
            index = self._indexes[attribute] = EqualityIndex()
            for table in self._tables.values():
                for record in table.values():
                    for version in record.active.get(attribute, ()):
                        index.add(index_key(version.value), record.id)
        return index

    def _reindex(
        self, record_id: str, attribute: Attribute, before: tuple[Version, ...], after: tuple[Version, ...]
    ) -> None:
        index = self._indexes.get(attribute)
        if index is None:
            return
        for version in before:
            index.discard(index_key(version.value), record_id)
        for version in after:
            index.add(index_key(version.value), record_id)


def _computed(record: Record, slug: str) -> Any:
    return getattr(record, "id" if slug == "record_id" else slug)
