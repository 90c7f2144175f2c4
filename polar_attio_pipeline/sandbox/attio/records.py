"""Everything that changes records, whoever asks: the API, a person, or Attio itself."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from polar_attio_pipeline.sandbox.attio import automation, writes
from polar_attio_pipeline.sandbox.attio.errors import bad_request
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Store
from polar_attio_pipeline.sandbox.attio.times import stamp

COMPANY_DELAY = timedelta(milliseconds=63)
"""After so long a live workspace pointed a person at the company of an address that had joined (measured once)."""


class _Link(NamedTuple):
    """A person whom Attio points at the company of new addresses, and when."""

    at: datetime
    person: Record
    emails: list[str]


class Records:
    """Checks and applies writes. What Attio does about one by itself waits for `settle`, and is in no answer to it.

    Args:
        store: The records.
        clock: Returns aware datetimes.

    Attributes:
        company_delay: How long after an address has joined a person the person's company follows it. The company of a
            new person is there as soon as the answer is out.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self.company_delay = COMPANY_DELAY
        self._store = store
        self._clock = clock
        self._links: list[_Link] = []

    def create(  # noqa: PLR0913  # keyword-only: what a new record may differ in
        self,
        object_type: ObjectType,
        values: Mapping[str, Any],
        actor: Actor,
        *,
        created_at: str | None = None,
        unique: bool = True,
        company: bool = True,
    ) -> Record:
        """Add a record.

        Args:
            object_type: Of the record.
            values: By slug, in the forms that the API takes. A company among them takes precedence over Attio's own.
            actor: Who does it.
            created_at: Now unless given.
            unique: False lets values in that another record holds.
            company: False keeps Attio from linking a person to its company.

        Raises:
            AttioError: a value is refused, taken or missing; 400, and nothing is stored.
        """
        parsed = writes.parse(self._store, object_type, values, actor)
        if unique:
            writes.check_unique(self._store, parsed, None)
        record = writes.create(self._store, object_type, parsed, actor, created_at or self._store.now())
        if company and all(attribute.slug != "company" for attribute in parsed):
            self._follow(record, _emails(record), timedelta(0))
        return record

    def update(
        self, record: Record, values: Mapping[str, Any], actor: Actor, mode: Callable[[Attribute], writes.Mode]
    ) -> None:
        """Write values to a record.

        A person's company follows a new address even where the same write names another: what Attio does then was not
        measured, and a client that can live with this can live with either.

        Raises:
            AttioError: a value is refused, taken or would clear a required attribute; 400, and nothing is stored.
        """
        parsed = writes.parse(self._store, record.object_type, values, actor)
        writes.check_unique(self._store, parsed, record.id)
        held = {email.lower() for email in _emails(record)}
        writes.update(self._store, record, parsed, actor, mode)
        self._follow(record, [email for email in _emails(record) if email.lower() not in held], self.company_delay)

    def upsert_target(self, object_type: ObjectType, values: Mapping[str, Any], matching: Attribute) -> Record | None:
        """Return the record that an upsert would update; None if it would create one.

        Raises:
            AttioError: the matching attribute has no value, or its values belong to several records; 400.
        """
        parsed = writes.parse(self._store, object_type, values, automation.SYSTEM)
        found = writes.matches(self._store, object_type, matching, parsed)
        if len(found) > 1:
            raise bad_request(
                "multiple_match_results", f'Multiple records match the values of attribute "{matching.slug}".'
            )
        return found[0] if found else None

    def merge(self, object_type: ObjectType, primary_id: str, secondary_id: str) -> Record:
        """Make one record of two; both old ids are gone.

        Raises:
            AttioError: one of them does not exist (404), or they are the same (400).
        """
        primary = self._store.record(object_type, primary_id)
        secondary = self._store.record(object_type, secondary_id)
        if primary is secondary:
            raise bad_request("self_merge", "A record cannot be merged with itself.")
        return automation.merge(self._store, primary, secondary)

    def delete(self, record: Record) -> None:
        """Take a record away, for good, and the references to it."""
        automation.forget_references(self._store, record)
        self._store.remove(record)

    def settle(self) -> None:
        """Let Attio do what the writes so far have led to by now. Whoever looks at records calls it first."""
        if not self._links:
            return
        now = self._clock()
        due = sorted((link for link in self._links if link.at <= now), key=lambda link: link.at)
        self._links = [link for link in self._links if link.at > now]
        for at, person, emails in due:
            if person.id in self._store.records(person.object_type):
                automation.link_company(self._store, person, emails, stamp(at))

    def _follow(self, record: Record, new_emails: list[str], delay: timedelta) -> None:
        if record.object_type.slug == "people" and new_emails:
            self._links.append(_Link(self._clock() + delay, record, new_emails))


def _emails(record: Record) -> list[str]:
    attribute = record.object_type.find("email_addresses")
    return [version.value for version in record.active.get(attribute, ())] if attribute else []
