"""Attio's filter language: shorthand and verbose, with the operators that each type has and no others."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import AttioError, bad_request
from polar_attio_pipeline.sandbox.attio.fields import Field, fields_of
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Record, Reference, Store

Ids = Collection[str]


@dataclass(frozen=True)
class Condition:
    """A compiled filter.

    Attributes:
        matches: Tells whether a record passes.
        arms: How many comparisons it makes, of which Attio's query score is made.
        candidates: Finds, by an index, ids among which all that pass are; None where no index helps.
        exact: All candidates pass.
    """

    matches: Callable[[Record], bool]
    arms: int
    candidates: Callable[[], Ids] | None = None
    exact: bool = False

    def select(self, records: Mapping[str, Record]) -> list[str]:
        """Return the ids of the records that pass, in no order that means anything."""
        if self.candidates is None:
            return [record_id for record_id, record in records.items() if self.matches(record)]
        found = [record_id for record_id in self.candidates() if record_id in records]
        return found if self.exact else [record_id for record_id in found if self.matches(records[record_id])]


def compile_filter(store: Store, object_type: ObjectType, raw: Any) -> Condition:
    """Compile a filter.

    Raises:
        AttioError: an unknown attribute, a field or operator that the type lacks, or a shape that is no filter; 400
            with a top-level path of strings.
    """
    return _Compiler(store, object_type).group(raw, [])


class _Compiler:
    def __init__(self, store: Store, object_type: ObjectType) -> None:
        self._store = store
        self._object_type = object_type

    def group(self, raw: Any, path: list[str], *, logic: bool = True) -> Condition:
        if not isinstance(raw, dict):
            raise _error("filter_error", "Error in filter.", path)
        return _all([self._entry(key, value, [*path, key], logic=logic) for key, value in raw.items()])

    def _entry(self, key: str, raw: Any, path: list[str], *, logic: bool) -> Condition:
        if logic and key in ("$and", "$or"):
            if not isinstance(raw, list) or not raw:
                raise _error("filter_error", "Error in filter.", path)
            arms = [self.group(arm, [*path, str(number)]) for number, arm in enumerate(raw)]
            return _all(arms) if key == "$and" else _any(arms)
        if logic and key == "$not":
            # Measured: inside $not, $or is looked up as an attribute.
            return _none(self.group(raw, path, logic=False))
        attribute = self._object_type.find(key)
        if attribute is None or attribute.is_archived:
            raise _error("unknown_filter_attribute_slug", f"Unknown attribute slug: {key}.", path)
        return self._attribute(attribute, raw, path)

    def _attribute(self, attribute: Attribute, raw: Any, path: list[str]) -> Condition:
        fields = fields_of(attribute.type)
        if not fields:
            raise _error("invalid_filter_field", f"Attributes of type {attribute.type} cannot be filtered.", path)
        if not isinstance(raw, dict):
            return self._operator(attribute, next(iter(fields.values())), "$eq", raw, path)
        if not raw:
            raise _error("filter_error", "Error in filter.", path)
        return _all([self._part(attribute, fields, key, value, [*path, key]) for key, value in raw.items()])

    def _part(
        self, attribute: Attribute, fields: Mapping[str, Field], key: str, raw: Any, path: list[str]
    ) -> Condition:
        if key.startswith("$"):
            return self._operator(attribute, next(iter(fields.values())), key, raw, path)
        field = fields.get(key)
        if field is None:
            message = f'Cannot filter attribute "{attribute.slug}" by field "{key}".'
            raise _error("invalid_filter_field", message, path)
        if not isinstance(raw, dict):
            return self._operator(attribute, field, "$eq", raw, path)
        return _all([self._operator(attribute, field, name, value, [*path, name]) for name, value in raw.items()])

    def _operator(self, attribute: Attribute, field: Field, operator: str, operand: Any, path: list[str]) -> Condition:
        if operator not in field.operators:
            message = (
                f'Operator "{operator}" is not supported by attribute "{attribute.slug}" of type {attribute.type}.'
            )
            raise _error("invalid_filter_operator", message, path)
        test = field.test(operator, operand)
        if test is None:
            raise _error("filter_error", "Error in filter.", path)
        read, versions = field.read, self._store.versions
        many = len(operand) if isinstance(operand, list) else 1

        def matches(record: Record) -> bool:
            return any(test(read(version.value)) for version in versions(record, attribute))

        lookup = self._lookup(attribute, field, operator, operand)
        return Condition(matches, many, lookup, exact=lookup is not None)

    def _lookup(self, attribute: Attribute, field: Field, operator: str, operand: Any) -> Callable[[], Ids] | None:
        if operator not in ("$eq", "$in") or not field.indexed or attribute.inverse_of:
            return None
        wanted = operand if operator == "$in" else [operand]
        if attribute.slug == "record_id":
            return lambda: dict.fromkeys(value.lower() for value in wanted)
        if attribute.computed:
            return None
        if attribute.type == "record-reference":
            wanted = [Reference("", value) for value in wanted]
        if attribute.type == "checkbox":
            wanted = [value in (True, "true") for value in wanted]
        return lambda: dict.fromkeys(found for value in wanted for found in self._store.holders(attribute, value))


def _all(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    tests = [condition.matches for condition in conditions]
    finders = [condition.candidates for condition in conditions if condition.candidates is not None]

    def matches(record: Record) -> bool:
        return all(test(record) for test in tests)

    def smallest() -> Ids:
        return min((finder() for finder in finders), key=len)

    arms = sum(condition.arms for condition in conditions)
    return Condition(matches, arms, smallest if finders else None)


def _any(conditions: list[Condition]) -> Condition:
    tests = [condition.matches for condition in conditions]
    finders = [condition.candidates for condition in conditions if condition.candidates is not None]
    exact = all(condition.exact for condition in conditions)

    def matches(record: Record) -> bool:
        return any(test(record) for test in tests)

    def union() -> Ids:
        return dict.fromkeys(found for finder in finders for found in finder())

    arms = sum(condition.arms for condition in conditions)
    return Condition(matches, arms, union if len(finders) == len(conditions) else None, exact=exact)


def _none(condition: Condition) -> Condition:
    return Condition(lambda record: not condition.matches(record), condition.arms)


def _error(code: str, message: str, path: list[str]) -> AttioError:
    return bad_request(code, message, path=path)
