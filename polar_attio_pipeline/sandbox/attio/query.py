"""Lists records: filter, sort, page, and what the query costs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import AttioError, bad_request, invalid_body, invalid_input, wrong_type
from polar_attio_pipeline.sandbox.attio.fields import Field, fields_of
from polar_attio_pipeline.sandbox.attio.filters import Condition, compile_filter
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Record, Store

MAX_LIMIT = 500
_RECORDS_PER_POINT = 1000
_POINTS_PER_SORT = 2
_CACHED_QUERIES = 8


class Sort:
    """An order by one field of one attribute; records without a value come last."""

    def __init__(self, store: Store, steps: list[tuple[ObjectType, Attribute]], field: Field, *, down: bool) -> None:
        self._store = store
        self._steps = steps
        self._field = field
        self._down = down

    def apply(self, ids: list[str], records: Mapping[str, Record]) -> list[str]:
        """Return the ids in this order; those that tie keep theirs."""
        keys = {record_id: key for record_id in ids if (key := self._key(records[record_id])) is not None}
        absent = [record_id for record_id in ids if record_id not in keys] if len(keys) < len(ids) else []
        return sorted(keys, key=keys.__getitem__, reverse=self._down) + absent

    def _key(self, record: Record) -> Any:
        for _, attribute in self._steps[:-1]:
            pointers = self._store.versions(record, attribute)
            if not pointers:
                return None
            target = pointers[0].value
            record = self._store.record(self._store.object_type(target.object_slug), target.record_id)
        versions = self._store.versions(record, self._steps[-1][1])
        return self._field.read(versions[0].value) if versions else None


@dataclass(frozen=True)
class Query:
    """A query that was read; `text` is what two equal queries have in common, whatever page they ask for."""

    object_type: ObjectType
    condition: Condition
    sorts: list[Sort]
    limit: int
    offset: int
    text: str


class QueryEngine:
    """Runs queries over a store.

    Without a sort, every request has an order of its own, and with one, the order of records that tie changes with
    every write: Attio documents neither, so a client that pages must not rely on either.
    """

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random
        self._cache: dict[str, tuple[int, list[str]]] = {}

    def prepare(self, object_type: ObjectType, body: Mapping[str, Any]) -> Query:
        """Read a query's body.

        Raises:
            AttioError: it is no query; 400.
        """
        if "filter_view_id" in body:
            if "filter" in body:
                raise invalid_body(invalid_input(["filter_view_id"], "Use either filter or filter_view_id"))
            raise bad_request("filter_error", "Error in filter.", path=["filter_view_id"])
        condition = compile_filter(self._store, object_type, body.get("filter", {}))
        sorts = _sorts(self._store, object_type, body.get("sorts", []))
        limit = _whole(body, "limit", MAX_LIMIT, least=1, most=MAX_LIMIT)
        offset = _whole(body, "offset", 0, least=0)
        text = json.dumps([object_type.slug, body.get("filter"), body.get("sorts")], sort_keys=True)
        return Query(object_type, condition, sorts, limit, offset, text)

    def score(self, query: Query) -> int:
        """Return what a query costs, from its comparisons, its sorts and the number of records."""
        records = len(self._store.records(query.object_type)) // _RECORDS_PER_POINT
        return query.condition.arms + _POINTS_PER_SORT * len(query.sorts) + records

    def run(self, query: Query) -> list[Record]:
        """Return a page."""
        records = self._store.records(query.object_type)
        ordered = self._ordered(query, records)
        if not query.sorts:
            ordered = _rotated(ordered, self._random.randrange(1 << 30))
        return [records[record_id] for record_id in ordered[query.offset : query.offset + query.limit]]

    def _ordered(self, query: Query, records: Mapping[str, Record]) -> list[str]:
        revision, ordered = self._cache.get(query.text, (-1, []))
        if revision == self._store.revision:
            return ordered
        ordered = query.condition.select(records)
        if query.sorts:
            ordered = _rotated(ordered, self._store.revision)
        for sort in reversed(query.sorts):
            ordered = sort.apply(ordered, records)
        if len(self._cache) >= _CACHED_QUERIES:
            self._cache.pop(next(iter(self._cache)))
        self._cache.pop(query.text, None)
        self._cache[query.text] = (self._store.revision, ordered)
        return ordered


def _sorts(store: Store, object_type: ObjectType, raw: Any) -> list[Sort]:
    if not isinstance(raw, list):
        raise invalid_body(wrong_type(["sorts"], "array", raw))
    return [_sort(store, object_type, sort, number) for number, sort in enumerate(raw)]


def _sort(store: Store, object_type: ObjectType, raw: Any, number: int) -> Sort:
    direction = raw.get("direction") if isinstance(raw, dict) else None
    if direction not in ("asc", "desc"):
        raise invalid_body(invalid_input(["sorts", number, "direction"]))
    path = raw.get("path") or [[object_type.slug, raw.get("attribute")]]
    steps = []
    for step in path if isinstance(path, list) else [None]:
        if not (isinstance(step, list) and len(step) == 2 and all(isinstance(part, str) for part in step)):
            raise invalid_body(invalid_input(["sorts", number]))
        owner = store.object_type(step[0])
        attribute = owner.find(step[1])
        if attribute is None or attribute.is_archived:
            raise _unknown(step[1], number)
        steps.append((owner, attribute))
    fields = fields_of(steps[-1][1].type)
    field = fields.get(str(raw["field"])) if "field" in raw else next(iter(fields.values()), None)
    references = all(attribute.type == "record-reference" for _, attribute in steps[:-1])
    if field is None or not references or steps[0][0] is not object_type:
        raise invalid_body(invalid_input(["sorts", number]))
    return Sort(store, steps, field, down=direction == "desc")


def _unknown(slug: str, number: int) -> AttioError:
    return bad_request(
        "unknown_filter_attribute_slug", f"Unknown attribute slug: {slug}.", path=["sorts", str(number), "attribute"]
    )


def _whole(body: Mapping[str, Any], name: str, default: int, *, least: int, most: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_body(wrong_type([name], "number", value))
    if value < least or (most is not None and value > most):
        bounds = f"from {least}" + (f" to {most}" if most is not None else "")
        raise invalid_body(invalid_input([name], f"Expected a number {bounds}"))
    return value


def _rotated(ids: list[str], by: int) -> list[str]:
    if not ids:
        return ids
    cut = by * 7919 % len(ids)
    turned = ids[cut:] + ids[:cut]
    return turned[::-1] if by % 2 else turned
