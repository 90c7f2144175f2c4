"""Everything that changes records, whoever asks: the API, a person, or Attio itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from polar_attio_pipeline.sandbox.attio import automation, writes
from polar_attio_pipeline.sandbox.attio.errors import bad_request
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Store


class Records:
    """Checks and applies writes. What Attio does about one by itself waits for `settle`.

    In a live workspace it came 63 ms after the write (measured), so the answer to a write never shows it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsettled: list[tuple[Record, list[str]]] = []

    def create(
        self,
        object_type: ObjectType,
        values: Mapping[str, Any],
        actor: Actor,
        *,
        created_at: str | None = None,
        unique: bool = True,
    ) -> Record:
        """Add a record.

        Raises:
            AttioError: a value is refused, taken or missing; 400, and nothing is stored.
        """
        parsed = writes.parse(self._store, object_type, values, actor)
        if unique:
            writes.check_unique(self._store, parsed, None)
        record = writes.create(self._store, object_type, parsed, actor, created_at or self._store.now())
        self._expect_company(record, _emails(record), parsed)
        return record

    def update(
        self, record: Record, values: Mapping[str, Any], actor: Actor, mode: Callable[[Attribute], writes.Mode]
    ) -> None:
        """Write values to a record.

        Raises:
            AttioError: a value is refused, taken or would clear a required attribute; 400, and nothing is stored.
        """
        parsed = writes.parse(self._store, record.object_type, values, actor)
        writes.check_unique(self._store, parsed, record.id)
        held = {email.lower() for email in _emails(record)}
        writes.update(self._store, record, parsed, actor, mode)
        new = [email for email in _emails(record) if email.lower() not in held]
        self._expect_company(record, new, parsed)

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
        """Let Attio do what the writes since the last call lead to."""
        for person, new_emails in self._unsettled:
            if person.id in self._store.records(person.object_type):
                automation.link_company(self._store, person, new_emails)
        self._unsettled.clear()

    def forget(self) -> None:
        """Let Attio do nothing about them."""
        self._unsettled.clear()

    def _expect_company(self, record: Record, new_emails: Iterable[str], parsed: writes.Parsed) -> None:
        written = {attribute.slug for attribute in parsed}
        if record.object_type.slug == "people" and "company" not in written:
            self._unsettled.append((record, list(new_emails)))


def _emails(record: Record) -> list[str]:
    attribute = record.object_type.find("email_addresses")
    return [version.value for version in record.active.get(attribute, ())] if attribute else []
