"""Creating the attributes that the sync writes, and the options of its selects: `polar-attio setup`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from polar_attio_pipeline.attio.attributes import identify, list_definitions, unsuitable
from polar_attio_pipeline.attio.currencies import attio_code
from polar_attio_pipeline.attio.errors import SERVICE, ConfigurationError, message_of
from polar_attio_pipeline.attio.models import AttributeDefinition
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.options import SelectOption, list_options, options_path
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.sync.mapping import Attribute
from polar_attio_pipeline.sync.records import ValueType


class Done(StrEnum):
    """What the set-up did about one attribute, or one option."""

    CREATED = "created"
    RESTORED = "restored"
    PRESENT = "present"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Step:
    """One attribute after the set-up, or one option of a select that was not there before.

    Attributes:
        slug: The attribute's slug in the workspace.
        done: What was done.
        problem: Why nothing could be done, and what to do.
        option: Title of the option; None where the step is about the attribute itself.
    """

    slug: str
    done: Done
    problem: str | None = None
    option: str | None = None

    @property
    def subject(self) -> str:
        """What the step is about, for people."""
        return self.slug if self.option is None else f"{self.slug}, option {self.option}"


@dataclass(frozen=True, slots=True)
class _Found:
    """One of our attributes, as the workspace has it before the set-up."""

    attribute: Attribute[Any]
    slug: str
    definition: AttributeDefinition | None
    problem: str | None = None
    options: Mapping[str, SelectOption] = field(default_factory=dict)

    @property
    def is_there(self) -> bool:
        """Whether the attribute exists and is not archived."""
        return self.definition is not None and not self.definition.is_archived

    @property
    def is_select(self) -> bool:
        kind = self.definition.type if self.definition else self.attribute.types[0]
        return bool(self.attribute.options) and kind == ValueType.SELECT

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing to write, or nothing that could be written."""
        missing = self.is_select and _missing(self.attribute, self.options)
        return self.problem is not None or (self.is_there and not missing)


async def set_up(
    api: ApiClient, attio_object: AttioObject, slugs: Mapping[str, str], *, currency: str = "USD"
) -> list[Step]:
    """Create what is missing of an object's mapping and restore what is archived; a second time does nothing.

    Attio's own attributes are left alone, and so is one of a type that the sync cannot write.

    Args:
        api: Attio's API.
        attio_object: The object.
        slugs: The slug for each attribute key.
        currency: Of currency attributes that are created, ISO 4217; one that is there keeps its own.

    Raises:
        ConfigurationError: something has to be created or restored, and the key may not.
        ApiError: Attio could not be asked.
    """
    info = await identify(api)
    definitions = await list_definitions(api, attio_object)
    ours = [(attribute, slugs[attribute.key]) for attribute in attio_object.attributes if not attribute.standard]
    found = [await _look(api, attio_object, attribute, slug, definitions.get(slug)) for attribute, slug in ours]
    if not all(one.is_complete for one in found) and not info.grants("object_configuration:read-write"):
        raise ConfigurationError(
            "ATTIO_API_KEY lacks the scope object_configuration:read-write, which creating attributes needs: add it "
            "under Workspace settings, Developers, and take it back after the set-up if you like.",
            service=SERVICE,
            request=f"POST {attio_object.attributes_path}",
        )
    return [step for one in found for step in await _complete(api, attio_object, one, currency)]


async def _look(
    api: ApiClient,
    attio_object: AttioObject,
    attribute: Attribute[Any],
    slug: str,
    definition: AttributeDefinition | None,
) -> _Found:
    problem = unsuitable(attio_object, attribute, slug, definition) if definition else None
    found = _Found(attribute, slug, definition, problem)
    if problem or not found.is_there or not found.is_select:
        return found
    try:
        return _Found(attribute, slug, definition, options=await list_options(api, attio_object, slug))
    except RecordError as error:
        return _Found(attribute, slug, definition, _cannot_list(attio_object, slug, error))


async def _complete(api: ApiClient, attio_object: AttioObject, found: _Found, currency: str) -> list[Step]:
    if found.problem:
        return [Step(found.slug, Done.IMPOSSIBLE, found.problem)]
    step = await _write(api, attio_object, found, currency)
    if step.done is Done.IMPOSSIBLE or not found.is_select:
        return [step]
    return [step, *await _complete_options(api, attio_object, found)]


async def _write(api: ApiClient, attio_object: AttioObject, found: _Found, currency: str) -> Step:
    path, slug = attio_object.attributes_path, found.slug
    if found.is_there:
        return Step(slug, Done.PRESENT)
    try:
        if found.definition is None:
            body = _body(found.attribute, slug, currency)
            await api.request("POST", path, limiter="writes", json={"data": body})
            return Step(slug, Done.CREATED)
        await api.request("PATCH", f"{path}/{slug}", limiter="writes", json={"data": {"is_archived": False}})
    except RecordError as error:
        if error.code == "slug_conflict":
            # Somebody else created it meanwhile, or the answer to our own first attempt was lost.
            return Step(slug, Done.PRESENT)
        problem = f"Attio refused the {attio_object.title} attribute {slug}: {message_of(error)}"
        return Step(slug, Done.IMPOSSIBLE, problem)
    return Step(slug, Done.RESTORED)


async def _complete_options(api: ApiClient, attio_object: AttioObject, found: _Found) -> list[Step]:
    try:
        options = found.options if found.is_there else await list_options(api, attio_object, found.slug)
    except RecordError as error:
        return [Step(found.slug, Done.IMPOSSIBLE, _cannot_list(attio_object, found.slug, error))]
    return [
        await _add_option(api, attio_object, found.slug, title, options.get(title))
        for title in _missing(found.attribute, options)
    ]


def _cannot_list(attio_object: AttioObject, slug: str, error: RecordError) -> str:
    return f"Attio cannot list the options of the {attio_object.title} attribute {slug}: {message_of(error)}"


async def _add_option(
    api: ApiClient, attio_object: AttioObject, slug: str, title: str, archived: SelectOption | None
) -> Step:
    path = options_path(attio_object, slug)
    try:
        if archived is None:
            await api.request("POST", path, limiter="writes", json={"data": {"title": title}})
            return Step(slug, Done.CREATED, option=title)
        named = archived.id.get("option_id", title)
        await api.request("PATCH", f"{path}/{named}", limiter="writes", json={"data": {"is_archived": False}})
    except RecordError as error:
        # As of attributes: another one was faster, or our own answer was lost.
        if error.code == "slug_conflict" and title in _offered(await list_options(api, attio_object, slug)):
            return Step(slug, Done.PRESENT, option=title)
        problem = (
            f"Attio refused the option {title} of the {attio_object.title} attribute {slug}: {message_of(error)} If it "
            "has that option in another spelling, rename that one."
        )
        return Step(slug, Done.IMPOSSIBLE, problem, title)
    return Step(slug, Done.RESTORED, option=title)


def _missing(attribute: Attribute[Any], options: Mapping[str, SelectOption]) -> list[str]:
    """Return the titles of which no option can be chosen."""
    offered = _offered(options)
    return [title for title in attribute.options if title not in offered]


def _offered(options: Mapping[str, SelectOption]) -> set[str]:
    return {title for title, option in options.items() if not option.is_archived}


def _body(attribute: Attribute[Any], slug: str, currency: str) -> dict[str, Any]:
    # Attio wants all eight. It refuses a unique attribute on people and companies (measured): the sync keeps identity.
    kind = attribute.types[0]
    money = {"currency": {"default_currency_code": attio_code(currency), "display_type": "code"}}
    return {
        "title": attribute.title,
        "description": attribute.description,
        "api_slug": slug,
        "type": kind.value,
        "is_required": False,
        "is_unique": False,
        "is_multiselect": False,
        "config": money if kind is ValueType.CURRENCY else {},
    }
