"""The state of one Attio workspace, and what people and Attio itself do in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from polar_attio_pipeline.sandbox.attio import automation, writes
from polar_attio_pipeline.sandbox.attio.budget import QueryBudget
from polar_attio_pipeline.sandbox.attio.errors import AttioError, bad_request, conflict, forbidden
from polar_attio_pipeline.sandbox.attio.output import dump_history, dump_record
from polar_attio_pipeline.sandbox.attio.query import QueryEngine
from polar_attio_pipeline.sandbox.attio.schema import ActorType, Attribute, Option
from polar_attio_pipeline.sandbox.attio.standard import standard_objects
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Store, Version
from polar_attio_pipeline.sandbox.attio.times import stamp
from polar_attio_pipeline.sandbox.attio.tokens import Token
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN

_WORKSPACE_AGE = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as a page shows it: simple values by slug, a list where there are several."""

    id: str
    emails: tuple[str, ...]
    name: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person for `AttioWorld.add_people`; `values` as in `AttioWorld.add_person`."""

    emails: Sequence[str]
    name: str | None = None
    values: Mapping[str, Any] | None = None
    created_at: datetime | None = None


class AttioWorld:
    """One workspace. Its methods act as people do; `routes` is its API.

    Args:
        clock: Returns aware datetimes.
        seed: Makes ids and unspecified orders repeatable.

    Attributes:
        id: The workspace's UUID.
        slug: Its part of every web address.
        name: Its name.
        logo_url: Its logo.
        member_id: The one workspace member, whom `actor="workspace-member"` means.
        tokens: The API keys, by token.
        lock: Held through every request and every method, so that a test may act from another thread.
        writes: How many writes of records the API has accepted.
        plan_limit_records: How many records, of all objects, the plan allows; None for any number.
        budget: What queries may cost.
    """

    def __init__(self, clock: Callable[[], datetime], *, seed: int | None = None) -> None:
        self.clock = clock
        self.lock = RLock()
        random = Random(seed)
        store = Store((), clock, random)
        self.id = store.new_id()
        self.slug = "sandbox"
        self.name = "Sandbox"
        self.logo_url: str | None = None
        self.member_id = store.new_id()
        created_at = stamp(clock() - _WORKSPACE_AGE)
        for object_type in standard_objects(self.id, created_at, store.new_id):
            store.add_object(object_type)
        self.store = store
        self.queries = QueryEngine(store, random)
        self.budget = QueryBudget(clock)
        self.tokens = {ATTIO_TOKEN: Token(store.new_id(), int((clock() - _WORKSPACE_AGE).timestamp()))}
        self.writes = 0
        self.plan_limit_records: int | None = None
        self._conflicts = 0
        self._gates = 0

    @property
    def max_query_score(self) -> float:
        """What one query may cost; the next is refused with a 429 that never ends."""
        return self.budget.max_query_score

    @max_query_score.setter
    def max_query_score(self, score: float) -> None:
        self.budget.max_query_score = score

    def conflict_next(self, count: int = 1) -> None:
        """Answer the next record writes with 409 `concurrent_write_conflict`."""
        self._conflicts = count

    def gate_next(self, count: int = 1) -> None:
        """Answer the next record writes with 400 `particle_gate_violation`, as behind a plan's gate."""
        self._gates = count

    def admit_write(self) -> None:
        """Let a record write through, or fail it as was asked for.

        Raises:
            AttioError: `conflict_next` or `gate_next` is not used up; 409 or 400.
        """
        if self._conflicts:
            self._conflicts -= 1
            raise conflict(
                "concurrent_write_conflict",
                "The record was modified by another request while this write was being validated. Please try again.",
            )
        if self._gates:
            self._gates -= 1
            raise bad_request("particle_gate_violation", "This feature is not available on your current plan.")

    def admit_record(self) -> None:
        """Let one more record in, or refuse it.

        Raises:
            AttioError: the plan has no room; 403 `billing_error`.
        """
        if self.plan_limit_records is not None and self.store.count() >= self.plan_limit_records:
            raise forbidden(
                "You have reached the maximum number of records that your current plan allows.", "billing_error"
            )

    def actor(self, kind: ActorType) -> Actor:
        """Return the actor that a method's `actor` names."""
        return Actor(kind, {"workspace-member": self.member_id, "system": None}.get(kind, self.id))

    def add_attribute(  # noqa: PLR0913  # an attribute's settings, each by name
        self,
        slug: str,
        attribute_type: str = "text",
        *,
        title: str | None = None,
        object_slug: str = "people",
        is_required: bool = False,
        is_multiselect: bool = False,
        options: Iterable[str] = (),
    ) -> str:
        """Create a custom attribute as an admin does, and return its id."""
        with self.lock:
            attribute = Attribute(
                id=self.store.new_id(),
                slug=slug,
                title=title or slug.replace("_", " ").capitalize(),
                type=attribute_type,
                created_at=self.store.now(),
                is_required=is_required,
                is_multiselect=is_multiselect,
                options=[Option(self.store.new_id(), option) for option in options],
            )
            self.store.object_type(object_slug).attributes.append(attribute)
            return attribute.id

    def archive_attribute(self, slug: str, object_slug: str = "people", *, archived: bool = True) -> None:
        """Archive an attribute of an object, or bring it back."""
        with self.lock:
            self.store.object_type(object_slug).attribute(slug).is_archived = archived
            self.store.revision += 1

    def add_person(
        self,
        *,
        emails: Iterable[str],
        name: str | None = None,
        values: Mapping[str, Any] | None = None,
        actor: ActorType = "workspace-member",
        unique: bool = True,
    ) -> str:
        """Create a person and return its record id.

        Args:
            emails: All its addresses.
            name: Its full name; the first word is the first name.
            values: Other values by slug, in the forms that the API takes.
            actor: Who does it.
            unique: False lets an address in that another person holds, as in a book from before the rule.

        Raises:
            AttioError: the API would refuse it too.
        """
        with self.lock:
            person = NewPerson(tuple(emails), name, values)
            return self._add(person, self.actor(actor), self.store.now(), unique=unique).id

    def add_people(
        self, people: Iterable[NewPerson], *, actor: ActorType = "workspace-member", companies: bool = True
    ) -> list[str]:
        """Create many people and return their record ids.

        Those without a `created_at` get times a millisecond apart, that end now.

        Args:
            people: Whom to create.
            actor: Who does it.
            companies: Let Attio link each to its company.
        """
        with self.lock:
            book = list(people)
            start = self.clock() - timedelta(milliseconds=len(book))
            who = self.actor(actor)
            return [
                self._add(
                    person,
                    who,
                    stamp(person.created_at or start + timedelta(milliseconds=number)),
                    unique=True,
                    companies=companies,
                ).id
                for number, person in enumerate(book)
            ]

    def edit_person(
        self, record_id: str, values: Mapping[str, Any], actor: ActorType = "workspace-member"
    ) -> None:
        """Make a person's values these; a multiselect attribute becomes exactly the list.

        Raises:
            AttioError: the API would refuse it too; an `actor` of `system` may also write read-only attributes.
        """
        with self.lock:
            record = self.person(record_id)
            who = self.actor(actor)
            parsed = writes.parse(self.store, record.object_type, values, who)
            writes.check_unique(self.store, parsed, record.id)
            self.apply(record, parsed, who, lambda _: "replace")

    def clear_value(self, record_id: str, slug: str) -> None:
        """Empty one attribute of a person, as a workspace member."""
        self.edit_person(record_id, {slug: []})

    def merge(self, primary: str, secondary: str) -> str:
        """Merge two people and return the new record's id; both old ids are gone.

        Raises:
            AttioError: one of them does not exist (404), or they are the same (400).
        """
        with self.lock:
            return self.merge_records("people", primary, secondary).id

    def merge_records(self, object_slug: str, primary: str, secondary: str) -> Record:
        """Merge two records of an object; see `merge`."""
        object_type = self.store.object_type(object_slug)
        first, second = (self.store.record(object_type, record_id) for record_id in (primary, secondary))
        if first is second:
            raise bad_request("self_merge", "A record cannot be merged with itself.")
        return automation.merge(self.store, first, second)

    def delete(self, record_id: str) -> None:
        """Delete a person, for good.

        Raises:
            AttioError: there is none; 404.
        """
        with self.lock:
            self.delete_record(self.person(record_id))

    def delete_record(self, record: Record) -> None:
        """Delete a record, and the references to it."""
        automation.forget_references(self.store, record)
        self.store.remove(record)

    def apply(
        self, record: Record, parsed: writes.Parsed, actor: Actor, mode: Callable[[Attribute], writes.Mode]
    ) -> Callable[[], None]:
        """Write checked values to a record; return what Attio does about it afterwards."""
        before = _emails(record)
        writes.update(self.store, record, parsed, actor, mode)
        return self._aftermath(record, before, parsed)
