"""The state of one Attio workspace, and what people and Attio itself do in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from polar_attio_pipeline.sandbox.attio.budget import QueryBudget
from polar_attio_pipeline.sandbox.attio.errors import forbidden
from polar_attio_pipeline.sandbox.attio.failures import Failures
from polar_attio_pipeline.sandbox.attio.options import find_option
from polar_attio_pipeline.sandbox.attio.output import dump_history, dump_record
from polar_attio_pipeline.sandbox.attio.people import NewPerson, PersonView, values_of, view
from polar_attio_pipeline.sandbox.attio.query import QueryEngine
from polar_attio_pipeline.sandbox.attio.records import Records
from polar_attio_pipeline.sandbox.attio.schema import ActorType, Attribute, ObjectType, Option
from polar_attio_pipeline.sandbox.attio.standard import standard_objects
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Store
from polar_attio_pipeline.sandbox.attio.times import stamp
from polar_attio_pipeline.sandbox.attio.tokens import Token
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN

_WORKSPACE_AGE = timedelta(days=400)
_MILLISECOND = timedelta(milliseconds=1)


class AttioWorld(Failures):
    """One workspace. Its methods act as people do; `routes` is its API.

    Args:
        clock: Returns aware datetimes.
        seed: Makes ids and unspecified orders repeatable.

    Attributes:
        id: The workspace's UUID.
        slug: Its part of every web address.
        web: Where people open records: Attio's own web application, or what stands in for that.
        name: Its name.
        member_id: The one workspace member, whom `actor="workspace-member"` means.
        client_id: The first API key's id, which `actor="api-token"` means.
        tokens: The API keys, by token.
        lock: Taken for every request and every method, so that a test may act from another thread.
        store: The records.
        records: What changes them.
        queries: What lists them.
        budget: What listing may cost.
        writes: How many writes of records the API has accepted.
        plan_limit_records: How many records, of all objects, the plan allows; None for any number.
    """

    def __init__(self, clock: Callable[[], datetime], *, seed: int | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.lock = RLock()
        random = Random(seed)
        self.store = Store(clock, random)
        self.records = Records(self.store, clock)
        self.queries = QueryEngine(self.store, random)
        self.budget = QueryBudget(clock)
        self.id = self.store.new_id()
        self.slug = "sandbox"
        self.web = "https://app.attio.com"
        self.name = "Sandbox"
        self.member_id = self.store.new_id()
        founded = clock() - _WORKSPACE_AGE
        self.people_type, self.companies_type = standard_objects(self.id, stamp(founded), self.store.new_id)
        self.store.add_object(self.people_type)
        self.store.add_object(self.companies_type)
        self.client_id = self.store.new_id()
        self.tokens = {ATTIO_TOKEN: Token(self.client_id, int(founded.timestamp()))}
        self.writes = 0
        self.plan_limit_records: int | None = None

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Hold the lock over records to which Attio has done what was due before, and do what is due afterwards."""
        with self.lock:
            self.records.settle()
            yield
            self.records.settle()

    @property
    def max_query_score(self) -> float:
        """What one query may cost; one that costs more is refused with a 429, however often it is tried."""
        return self.budget.max_query_score

    @max_query_score.setter
    def max_query_score(self, score: float) -> None:
        self.budget.max_query_score = score

    def add_token(self, token: str, *scopes: str) -> Token:
        """Issue an API key of 64 characters with these scopes."""
        self.tokens[token] = Token(self.store.new_id(), int(self.clock().timestamp()), frozenset(scopes))
        return self.tokens[token]

    def admit_record(self) -> None:
        """Let one more record in, or refuse it.

        Raises:
            AttioError: the plan has no room; 403 `billing_error`.
        """
        if self.plan_limit_records is not None and self.store.count() >= self.plan_limit_records:
            raise forbidden(
                "You have reached the maximum number of records that your current plan allows.", "billing_error"
            )

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
        currency: str = "USD",
    ) -> str:
        """Create a custom attribute as an admin does, and return its id; only a currency attribute has a currency."""
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
                currency_code=currency if attribute_type == "currency" else None,
                currency_display="code" if attribute_type == "currency" else None,
            )
            self.store.object_type(object_slug).attributes.append(attribute)
            return attribute.id

    def archive_attribute(self, slug: str, object_slug: str = "people", *, archived: bool = True) -> None:
        """Archive an attribute, or bring it back."""
        with self.lock:
            self.store.object_type(object_slug).attribute(slug).is_archived = archived
            self.store.revision += 1

    def archive_option(self, slug: str, title: str, object_slug: str = "people") -> None:
        """Archive an option of a select attribute: values that hold it stay, and no value can become it.

        Raises:
            AttioError: the attribute has no such option; 400.
        """
        with self.lock:
            find_option(self.store.object_type(object_slug).attribute(slug), title).is_archived = True
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
            name: Its full name; the last word is the last name.
            values: Other values by slug, in the forms that the API takes.
            actor: Who does it.
            unique: False lets an address in that another person holds, as in a workspace older than the rule.

        Raises:
            AttioError: the API would refuse it too.
        """
        with self.settled():
            values = values_of(NewPerson(tuple(emails), name, values))
            return self.records.create(self.people_type, values, self._actor(actor), unique=unique).id

    def add_people(
        self, people: Iterable[NewPerson], *, actor: ActorType = "workspace-member", companies: bool = True
    ) -> list[str]:
        """Create many people, fast, and return their record ids.

        Those without a `created_at` get times a millisecond apart, up to now.

        Args:
            people: Whom to create.
            actor: Who does it.
            companies: Let Attio link each to its company.

        Raises:
            AttioError: the API would refuse one of them; those before it are there.
        """
        with self.settled():
            added, who = list(people), self._actor(actor)
            first = self.clock() - len(added) * _MILLISECOND
            ids = []
            for number, person in enumerate(added):
                created_at = stamp(person.created_at or first + number * _MILLISECOND)
                values = values_of(person)
                record = self.records.create(self.people_type, values, who, created_at=created_at, company=companies)
                ids.append(record.id)
            return ids

    def edit_person(self, record_id: str, values: Mapping[str, Any], actor: ActorType = "workspace-member") -> None:
        """Make a person's values these; a multiselect attribute becomes exactly the list.

        An `actor` of `system` is Attio's enrichment, which may also write read-only attributes.

        Raises:
            AttioError: there is no such person, or the API would refuse a value too.
        """
        with self.settled():
            self.records.update(self._person(record_id), values, self._actor(actor), lambda _: "replace")

    def clear_value(self, record_id: str, slug: str) -> None:
        """Empty one attribute of a person, as a workspace member."""
        self.edit_person(record_id, {slug: []})

    def merge(self, primary: str, secondary: str) -> str:
        """Merge two people and return the new record's id; both old ids are gone.

        Raises:
            AttioError: one of them does not exist (404), or they are the same (400).
        """
        with self.settled():
            return self.records.merge(self.people_type, primary, secondary).id

    def delete(self, record_id: str) -> None:
        """Delete a person, for good.

        Raises:
            AttioError: there is none; 404.
        """
        with self.settled():
            self.records.delete(self._person(record_id))

    def people(self, *, offset: int = 0, limit: int | None = None) -> list[PersonView]:
        """Return people, newest first."""
        with self.settled():
            newest_first = list(reversed(self.store.records(self.people_type).values()))
            until = None if limit is None else offset + limit
            return [view(self.dump(record)) for record in newest_first[offset:until]]

    def person(self, record_id: str) -> PersonView:
        """Return one person.

        Raises:
            AttioError: there is none; 404.
        """
        with self.settled():
            return view(self.dump(self._person(record_id)))

    def people_count(self) -> int:
        """Return how many people there are."""
        return len(self.store.records(self.people_type))

    def value_history(self, record_id: str, slug: str) -> list[dict[str, Any]]:
        """Return every value that an attribute of a person ever held, oldest first, as the API shows values.

        Raises:
            AttioError: there is no such person; 404.
        """
        with self.settled():
            return dump_history(self.store, self.id, self._person(record_id), self.people_type.attribute(slug))

    def dump(self, record: Record) -> dict[str, Any]:
        """Return a record as the API shows it."""
        return dump_record(self.store, self.id, f"{self.web}/{self.slug}", record)

    def object_type(self, slug_or_id: str) -> ObjectType:
        """Return an object.

        Raises:
            AttioError: there is none; 404.
        """
        return self.store.object_type(slug_or_id)

    def _person(self, record_id: str) -> Record:
        return self.store.record(self.people_type, record_id)

    def _actor(self, kind: ActorType) -> Actor:
        return Actor(kind, {"workspace-member": self.member_id, "system": None}.get(kind, self.client_id))
