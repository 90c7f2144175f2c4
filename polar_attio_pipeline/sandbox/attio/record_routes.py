"""The endpoints of records."""

from typing import Any

from polar_attio_pipeline.sandbox.attio.dispatch import Answer, Call
from polar_attio_pipeline.sandbox.attio.errors import attribute_not_found, invalid_body, invalid_query, wrong_type
from polar_attio_pipeline.sandbox.attio.output import dump_history, dump_version
from polar_attio_pipeline.sandbox.attio.paging import flag, page_of
from polar_attio_pipeline.sandbox.attio.store import Record
from polar_attio_pipeline.sandbox.attio.writes import Mode, matching_attribute, values_of


def query(call: Call) -> Answer:
    """`POST /v2/objects/{object}/records/query`."""
    queries, budget = call.world.queries, call.world.budget
    prepared = queries.prepare(call.object_type, call.payload())
    score = queries.score(prepared)
    budget.charge(score)
    return Answer(
        {"data": [_shown(call, record) for record in queries.run(prepared)]},
        {"x-attio-record-query-score": str(score)},
    )


def get(call: Call) -> Answer:
    """`GET /v2/objects/{object}/records/{record_id}`."""
    return _record(call, call.record)


def create(call: Call) -> Answer:
    """`POST /v2/objects/{object}/records`: refuses values of unique attributes that are taken."""
    object_type, values = call.object_type, values_of(call.data("values"))
    call.world.admit_write(values)
    call.world.admit_record()
    record = call.world.records.create(object_type, values, call.actor)
    call.world.writes += 1
    return _record(call, record)


def upsert(call: Call) -> Answer:
    """`PUT /v2/objects/{object}/records?matching_attribute=`: the answer does not tell what it did."""
    if "matching_attribute" not in call.query:
        raise invalid_query(wrong_type(["matching_attribute"], "string"))
    object_type = call.object_type
    matching = matching_attribute(object_type, call.query["matching_attribute"])
    values = values_of(call.data("values"))
    record = call.world.records.upsert_target(object_type, values, matching)
    if record is None:
        return create(call)
    call.world.admit_write(values)
    call.world.records.update(
        record, values, call.actor, lambda attribute: "append" if attribute is matching else "replace"
    )
    call.world.writes += 1
    return _record(call, record)


def patch(call: Call) -> Answer:
    """`PATCH /v2/objects/{object}/records/{record_id}`: new values of a multiselect attribute come first."""
    return _update(call, "prepend")


def put(call: Call) -> Answer:
    """`PUT /v2/objects/{object}/records/{record_id}`: a multiselect attribute becomes what was sent."""
    return _update(call, "replace")


def delete(call: Call) -> Answer:
    """`DELETE /v2/objects/{object}/records/{record_id}`: for good."""
    call.world.records.delete(call.record)
    call.world.writes += 1
    return Answer({})


def merge(call: Call) -> Answer:
    """`POST /v2/objects/{object}/records/merge`: a new record, and neither old id."""
    data = call.data("primary_record_id", "secondary_record_id")
    names = ("primary_record_id", "secondary_record_id")
    errors = [wrong_type(["data", name], "string") for name in names if not isinstance(data.get(name), str)]
    if errors:
        raise invalid_body(*errors)
    object_type = call.object_type
    merged = call.world.records.merge(object_type, data["primary_record_id"], data["secondary_record_id"])
    call.world.writes += 1
    return Answer({"data": {"new_record_id": merged.id}})


def values(call: Call) -> Answer:
    """`GET /v2/objects/{object}/records/{record_id}/attributes/{attribute}/values`."""
    record = call.record
    attribute = call.object_type.find(call.path["attribute"])
    if attribute is None:
        raise attribute_not_found(call.path["attribute"])
    store, workspace_id = call.world.store, call.world.id
    shown: list[dict[str, Any]]
    if flag(call.query, "show_historic"):
        shown = dump_history(store, workspace_id, record, attribute)
    else:
        held = store.versions(record, attribute)
        shown = [dump_version(workspace_id, record.object_type, attribute, version) for version in held]
    return Answer({"data": page_of(shown, call.query)})


def _update(call: Call, mode: Mode) -> Answer:
    record, values_sent = call.record, values_of(call.data("values"))
    call.world.admit_write(values_sent)
    call.world.records.update(record, values_sent, call.actor, lambda _: mode)
    call.world.writes += 1
    return _record(call, record)


def _record(call: Call, record: Record) -> Answer:
    return Answer({"data": _shown(call, record)})


def _shown(call: Call, record: Record) -> dict[str, Any]:
    call.world.check_serialisable(record)
    return call.world.dump(record)
