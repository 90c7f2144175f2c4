"""Creating the attributes that the sync writes: `polar-attio setup`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from polar_attio_pipeline.attio.attributes import identify, list_definitions, wrong_type
from polar_attio_pipeline.attio.errors import ATTRIBUTES_PATH, SERVICE, ConfigurationError, message_of
from polar_attio_pipeline.attio.models import AttributeDefinition
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.sync.mapping import ATTRIBUTES, Attribute


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


async def set_up(api: ApiClient, slugs: Mapping[str, str]) -> list[Step]:
    """Create every missing attribute of the mapping and restore every archived one; a second time does nothing.

    Attio's own attributes are left alone, and so is one of a type that the sync cannot write.

    Raises:
        ConfigurationError: something has to be created or restored, and the key may not.
        ApiError: Attio could not be asked.
    """
    info = await identify(api)
    definitions = await list_definitions(api)
    ours = [(attribute, slugs[attribute.key]) for attribute in ATTRIBUTES if not attribute.standard]
    steps = {slug: _without_writing(attribute, slug, definitions.get(slug)) for attribute, slug in ours}
    if None in steps.values() and not info.grants("object_configuration:read-write"):
        raise ConfigurationError(
            "ATTIO_API_KEY lacks the scope object_configuration:read-write, which creating attributes needs: add it "
            "under Workspace settings, Developers, and take it back after the set-up if you like.",
            service=SERVICE,
            request=f"POST {ATTRIBUTES_PATH}",
        )
    return [steps[slug] or await _write(api, attribute, slug, definitions.get(slug)) for attribute, slug in ours]


def _without_writing(attribute: Attribute, slug: str, definition: AttributeDefinition | None) -> Step | None:
    if definition is None:
        return None
    if definition.type not in attribute.types:
        return Step(slug, Done.IMPOSSIBLE, wrong_type(attribute, slug, definition))
    return None if definition.is_archived else Step(slug, Done.PRESENT)


async def _write(api: ApiClient, attribute: Attribute, slug: str, definition: AttributeDefinition | None) -> Step:
    try:
        if definition is None:
            await api.request("POST", ATTRIBUTES_PATH, limiter="writes", json={"data": _body(attribute, slug)})
            return Step(slug, Done.CREATED)
        await api.request("PATCH", f"{ATTRIBUTES_PATH}/{slug}", limiter="writes", json={"data": {"is_archived": False}})
    except RecordError as error:
        if error.code == "slug_conflict":
            # Somebody else created it meanwhile, or the answer to our own first attempt was lost.
            return Step(slug, Done.PRESENT)
        return Step(slug, Done.IMPOSSIBLE, f"Attio refused the People attribute {slug}: {message_of(error)}")
    return Step(slug, Done.RESTORED)


def _body(attribute: Attribute, slug: str) -> dict[str, Any]:
    # Attio wants all eight. It refuses a unique attribute on People (measured), so identity is kept by the sync.
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
