"""The endpoints of objects, attributes and select options."""

from typing import Any

from polar_attio_pipeline.sandbox.attio.definitions import CHANGE_KEYS, CREATE_KEYS, change, new_attribute
from polar_attio_pipeline.sandbox.attio.dispatch import Answer, Call
from polar_attio_pipeline.sandbox.attio.errors import attribute_not_found, bad_request
from polar_attio_pipeline.sandbox.attio.options import change_option, find_option, new_option
from polar_attio_pipeline.sandbox.attio.paging import flag, page_of
from polar_attio_pipeline.sandbox.attio.schema import (
    Attribute,
    Option,
    dump_attribute,
    dump_object,
    dump_option,
)


def list_objects(call: Call) -> Answer:
    """`GET /v2/objects`."""
    return Answer({"data": [dump_object(call.world.id, found) for found in call.world.store.objects]})


def get_object(call: Call) -> Answer:
    """`GET /v2/objects/{object}`."""
    return Answer({"data": dump_object(call.world.id, call.object_type)})


def list_attributes(call: Call) -> Answer:
    """`GET /v2/objects/{object}/attributes`: in the order of the UI; archived ones on request."""
    object_type = call.object_type
    shown = object_type.attributes if flag(call.query, "show_archived") else object_type.live()
    return Answer({"data": [_dump(call, attribute) for attribute in page_of(shown, call.query)]})


def get_attribute(call: Call) -> Answer:
    """`GET /v2/objects/{object}/attributes/{attribute}`: also an archived one."""
    return Answer({"data": _dump(call, _attribute(call))})


def create_attribute(call: Call) -> Answer:
    """`POST /v2/objects/{object}/attributes`."""
    attribute = new_attribute(call.world.store, call.object_type, call.data(*CREATE_KEYS))
    call.object_type.attributes.append(attribute)
    return Answer({"data": _dump(call, attribute)})


def change_attribute(call: Call) -> Answer:
    """`PATCH /v2/objects/{object}/attributes/{attribute}`; archives with `is_archived`."""
    attribute = _attribute(call)
    if attribute.is_system:
        raise bad_request("system_edit_unauthorized", "Cannot update a System attribute.")
    change(call.world.store, call.object_type, attribute, call.data(*CHANGE_KEYS))
    call.world.store.revision += 1
    return Answer({"data": _dump(call, attribute)})


def list_options(call: Call) -> Answer:
    """`GET /v2/objects/{object}/attributes/{attribute}/options`."""
    attribute = _select(call)
    archived = flag(call.query, "show_archived")
    shown = [option for option in attribute.options if archived or not option.is_archived]
    return Answer({"data": [_dump_option(call, attribute, option) for option in shown]})


def create_option(call: Call) -> Answer:
    """`POST /v2/objects/{object}/attributes/{attribute}/options`."""
    attribute = _select(call)
    option = new_option(call.world.store, attribute, call.data("title"))
    attribute.options.append(option)
    return Answer({"data": _dump_option(call, attribute, option)})


def patch_option(call: Call) -> Answer:
    """`PATCH /v2/objects/{object}/attributes/{attribute}/options/{option}`; archives with `is_archived`."""
    attribute = _select(call)
    option = find_option(attribute, call.path["option"])
    change_option(attribute, option, call.data("title", "is_archived"))
    call.world.store.revision += 1
    return Answer({"data": _dump_option(call, attribute, option)})


def _attribute(call: Call) -> Attribute:
    found = call.object_type.find(call.path["attribute"])
    if found is None:
        raise attribute_not_found(call.path["attribute"])
    return found


def _select(call: Call) -> Attribute:
    attribute = _attribute(call)
    if attribute.type != "select":
        raise bad_request("validation_type", "This attribute is not a select attribute.")
    return attribute


def _dump(call: Call, attribute: Attribute) -> dict[str, Any]:
    return dump_attribute(call.world.id, call.object_type, attribute)


def _dump_option(call: Call, attribute: Attribute, option: Option) -> dict[str, Any]:
    return dump_option(call.world.id, call.object_type.id, attribute, option)
