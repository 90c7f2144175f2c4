"""Creating the attributes that the sync writes: `polar-attio setup`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from polar_attio_pipeline.attio.attributes import identify, list_definitions, wrong_type
from polar_attio_pipeline.attio.errors import SERVICE, ConfigurationError, message_of
from polar_attio_pipeline.attio.models import AttributeDefinition
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.sync.mapping import Attribute


class Done(StrEnum):
    """What the set-up did about one attribute."""

    CREATED = "created"
    RESTORED = "restored"
    PRESENT = "present"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Step:
    """One attribute after the set-up.

    Attributes:
        slug: Its slug in the workspace.
        done: What was done.
        problem: Why nothing could be done, and what to do.
    """

    slug: str
    done: Done
    problem: str | None = None


async def set_up(api: ApiClient, attio_object: AttioObject, slugs: Mapping[str, str]) -> list[Step]:
    """Create every missing attribute of an object's mapping and restore every archived one; a second time does nothing.

    Attio's own attributes are left alone, and so is one of a type that the sync cannot write.

    Raises:
        ConfigurationError: something has to be created or restored, and the key may not.
        ApiError: Attio could not be asked.
    """
    info = await identify(api)
    definitions = await list_definitions(api, attio_object)
    ours = [(attribute, slugs[attribute.key]) for attribute in attio_object.attributes if not attribute.standard]
    steps = {slug: _without_writing(attio_object, attribute, slug, definitions.get(slug)) for attribute, slug in ours}
    if None in steps.values() and not info.grants("object_configuration:read-write"):
        raise ConfigurationError(
            "ATTIO_API_KEY lacks the scope object_configuration:read-write, which creating attributes needs: add it "
            "under Workspace settings, Developers, and take it back after the set-up if you like.",
            service=SERVICE,
            request=f"POST {attio_object.attributes_path}",
        )
    return [
        steps[slug] or await _write(api, attio_object, attribute, slug, definitions.get(slug))
        for attribute, slug in ours
    ]


def _without_writing(
    attio_object: AttioObject, attribute: Attribute[Any], slug: str, definition: AttributeDefinition | None
) -> Step | None:
    if definition is None:
        return None
    if definition.type not in attribute.types:
        return Step(slug, Done.IMPOSSIBLE, wrong_type(attio_object, attribute, slug, definition))
    return None if definition.is_archived else Step(slug, Done.PRESENT)


async def _write(
    api: ApiClient,
    attio_object: AttioObject,
    attribute: Attribute[Any],
    slug: str,
    definition: AttributeDefinition | None,
) -> Step:
    path = attio_object.attributes_path
    try:
        if definition is None:
            await api.request("POST", path, limiter="writes", json={"data": _body(attribute, slug)})
            return Step(slug, Done.CREATED)
        await api.request("PATCH", f"{path}/{slug}", limiter="writes", json={"data": {"is_archived": False}})
    except RecordError as error:
        if error.code == "slug_conflict":
            # Somebody else created it meanwhile, or the answer to our own first attempt was lost.
            return Step(slug, Done.PRESENT)
        problem = f"Attio refused the {attio_object.title} attribute {slug}: {message_of(error)}"
        return Step(slug, Done.IMPOSSIBLE, problem)
    return Step(slug, Done.RESTORED)


def _body(attribute: Attribute[Any], slug: str) -> dict[str, Any]:
    # Attio wants all eight. It refuses a unique attribute on people and companies (measured): the sync keeps identity.
    return {
        "title": attribute.title,
        "description": attribute.description,
        "api_slug": slug,
        "type": attribute.types[0].value,
        "is_required": False,
        "is_unique": False,
        "is_multiselect": False,
        "config": {},
    }
