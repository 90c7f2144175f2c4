"""The options of a select attribute: Attio takes no other value for it, and makes none by itself."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polar_attio_pipeline.attio.errors import list_of
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.http.client import ApiClient


class SelectOption(BaseModel):
    """One option, as `GET /v2/objects/{object}/attributes/{attribute}/options` lists it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str
    is_archived: bool = False
    id: dict[str, str] = Field(default_factory=dict)


def options_path(attio_object: AttioObject, slug: str) -> str:
    """Return the path of an attribute's options."""
    return f"{attio_object.attributes_path}/{slug}/options"


async def list_options(api: ApiClient, attio_object: AttioObject, slug: str) -> dict[str, SelectOption]:
    """Return every option of a select attribute by its title, archived ones included.

    Raises:
        RecordError: the attribute is no select, or does not exist any more.
        ApiError: Attio could not be asked.
    """
    answer = await api.request(
        "GET", options_path(attio_object, slug), limiter="reads", params={"show_archived": "true"}
    )
    return {option.title: option for row in list_of(answer) for option in _parsed(row)}


def _parsed(row: Any) -> list[SelectOption]:
    """Return an option, or nothing where it cannot be read: that is none which could be written."""
    try:
        return [SelectOption.model_validate(row)]
    except ValidationError:
        return []
