"""The part of Attio's REST API that the sandbox has."""

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from polar_attio_pipeline.sandbox.attio import attribute_routes as definitions
from polar_attio_pipeline.sandbox.attio import record_routes as records
from polar_attio_pipeline.sandbox.attio.dispatch import Endpoint, Limits, refuse, respond, route
from polar_attio_pipeline.sandbox.attio.errors import AttioError, not_found
from polar_attio_pipeline.sandbox.attio.tokens import identify
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.json_response import Json

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

_READ_OBJECTS = ("object_configuration:read",)
_WRITE_OBJECTS = ("object_configuration:read-write",)
_READ_RECORDS = ("record_permission:read", "object_configuration:read")
_WRITE_RECORDS = ("record_permission:read-write", "object_configuration:read")

_ATTRIBUTES = "/objects/{object}/attributes"
_ATTRIBUTE = f"{_ATTRIBUTES}/{{attribute}}"
_RECORDS = "/objects/{object}/records"
_RECORD = f"{_RECORDS}/{{record_id}}"

ENDPOINTS = (
    Endpoint("GET", "/objects", definitions.list_objects, "read", _READ_OBJECTS),
    Endpoint("GET", "/objects/{object}", definitions.get_object, "read", _READ_OBJECTS),
    Endpoint("GET", _ATTRIBUTES, definitions.list_attributes, "read", _READ_OBJECTS),
    Endpoint("POST", _ATTRIBUTES, definitions.create_attribute, "write", _WRITE_OBJECTS),
    Endpoint("GET", _ATTRIBUTE, definitions.get_attribute, "read", _READ_OBJECTS),
    Endpoint("PATCH", _ATTRIBUTE, definitions.change_attribute, "write", _WRITE_OBJECTS),
    Endpoint("GET", f"{_ATTRIBUTE}/options", definitions.list_options, "read", _READ_OBJECTS),
    Endpoint("POST", f"{_ATTRIBUTE}/options", definitions.create_option, "write", _WRITE_OBJECTS),
    Endpoint("PATCH", f"{_ATTRIBUTE}/options/{{option}}", definitions.patch_option, "write", _WRITE_OBJECTS),
    Endpoint("POST", f"{_RECORDS}/query", records.query, "read", _READ_RECORDS),
    Endpoint("POST", f"{_RECORDS}/merge", records.merge, "write", _WRITE_RECORDS),
    Endpoint("POST", _RECORDS, records.create, "write", _WRITE_RECORDS),
    Endpoint("PUT", _RECORDS, records.upsert, "write", _WRITE_RECORDS),
    Endpoint("GET", _RECORD, records.get, "read", _READ_RECORDS),
    Endpoint("PATCH", _RECORD, records.patch, "write", _WRITE_RECORDS),
    Endpoint("PUT", _RECORD, records.put, "write", _WRITE_RECORDS),
    Endpoint("DELETE", _RECORD, records.delete, "write", _WRITE_RECORDS),
    Endpoint("GET", f"{_RECORD}/attributes/{{attribute}}/values", records.values, "read", _READ_RECORDS),
)


def routes(world: AttioWorld, limits: Limits) -> list[BaseRoute]:
    """Return the routes of a workspace's API, all below `/v2`; any other address there is a 404 of Attio's."""

    async def identify_token(request: Request) -> Json:
        workspace = {
            "authorized_by_workspace_member_id": world.member_id,
            "workspace_id": world.id,
            "workspace_name": world.name,
            "workspace_slug": world.slug,
            "workspace_logo_url": None,
        }
        with world.lock:
            try:
                return respond(world, 200, identify(world.tokens, request.headers.get("authorization"), workspace))
            except AttioError as error:
                return refuse(world, error)

    async def no_endpoint(request: Request) -> Json:
        return refuse(world, not_found(f'Could not find endpoint "{request.method} {request.url.path}".'))

    return [
        Route("/v2/self", identify_token, methods=["GET"]),
        *(route(world, limits, endpoint) for endpoint in ENDPOINTS),
        Route("/v2/{rest:path}", no_endpoint, methods=_METHODS),
    ]
