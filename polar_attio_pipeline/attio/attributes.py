"""What the workspace has to write to: discovered and validated before the first write."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from polar_attio_pipeline.attio.errors import (
    SELF_PATH,
    SERVICE,
    ConfigurationError,
    list_of,
    not_attio,
)
from polar_attio_pipeline.attio.models import AttributeDefinition, SelfInfo, parse_definitions
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.sync.mapping import Attribute, Target

_PAGE = 200
_SCOPES = ("record_permission:read-write", "object_configuration:read")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the workspace that is not as the sync needs it.

    Attributes:
        text: One sentence: what is wrong and what to do.
        fatal: Whether a run refuses to start; otherwise the attribute is just not written.
    """

    text: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as the sync sees it when it looks at one object.

    Attributes:
        attio_object: The object.
        info: The token and whose it is.
        definitions: Every attribute of the object by slug, archived ones included.
        slugs: The slug for each attribute key.
        targets: The attributes that can be written, each with the type that it has here.
        problems: Everything that is wrong.
    """

    attio_object: AttioObject
    info: SelfInfo
    definitions: Mapping[str, AttributeDefinition]
    slugs: Mapping[str, str]
    targets: tuple[Target, ...]
    problems: tuple[Problem, ...]

    @property
    def fingerprint(self) -> str:
        """What tells these attributes from changed ones: after a change, Attio may take what it refused before."""
        described = sorted(repr(definition) for definition in self.definitions.values())
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:16]

    @property
    def slug_by_id(self) -> dict[str, str]:
        """The slug for each attribute id: Attio's messages name either."""
        return {definition.id.get("attribute_id", ""): slug for slug, definition in self.definitions.items()}


async def discover(api: ApiClient, attio_object: AttioObject, slugs: Mapping[str, str]) -> Workspace:
    """Look at the token and the attributes of an object, and insist that the sync can work with them.

    Raises:
        ConfigurationError: something is wrong; the text lists everything at once, each with what to do.
        ApiError: the workspace could not be looked at.
    """
    workspace = await inspect(api, attio_object, slugs)
    wrong = [problem.text for problem in workspace.problems if problem.fatal]
    if wrong:
        raise ConfigurationError(" ".join(wrong), service=SERVICE, request=f"GET {attio_object.attributes_path}")
    return workspace


async def inspect(api: ApiClient, attio_object: AttioObject, slugs: Mapping[str, str]) -> Workspace:
    """Look at the token and the attributes of an object, and report what is wrong instead of raising it.

    Raises:
        ApiError: the token is not accepted, or Attio could not be asked.
    """
    info = await identify(api)
    problems = [*_scope_problems(info), *_slug_problems(attio_object, slugs)]
    if not info.grants("object_configuration:read"):
        return Workspace(attio_object, info, {}, slugs, (), tuple(problems))
    definitions = await list_definitions(api, attio_object)
    targets = []
    for attribute in attio_object.attributes:
        definition = definitions.get(slugs[attribute.key])
        problem = _problem(attio_object, attribute, slugs[attribute.key], definition)
        if problem:
            problems.append(problem)
        elif definition:
            targets.append(_target(attribute, definition))
    problems += _other_problems(attio_object, definitions, written={*slugs.values(), attio_object.matching.slug})
    return Workspace(attio_object, info, definitions, slugs, tuple(targets), tuple(problems))


async def identify(api: ApiClient) -> SelfInfo:
    """Ask whose token this is.

    Raises:
        ConfigurationError: it was revoked or never existed; Attio answers 200 to that.
        ApiError: Attio could not be asked.
    """
    answer = await api.request("GET", SELF_PATH, limiter="reads")
    try:
        info = SelfInfo.model_validate(answer.payload)
    except ValidationError:
        raise not_attio(answer) from None
    if not info.active:
        raise ConfigurationError(
            "Attio knows no active key like ATTIO_API_KEY (revoked, or of another workspace): create a new one under "
            "Workspace settings, Developers.",
            service=SERVICE,
            request=f"GET {SELF_PATH}",
        )
    return info


async def list_definitions(api: ApiClient, attio_object: AttioObject) -> dict[str, AttributeDefinition]:
    """Return every attribute of an object by slug, archived ones included."""
    found: dict[str, AttributeDefinition] = {}
    offset = 0
    while True:
        params: Params = {"limit": _PAGE, "offset": offset, "show_archived": "true"}
        rows = list_of(await api.request("GET", attio_object.attributes_path, limiter="reads", params=params))
        found |= {definition.api_slug: definition for definition in parse_definitions(rows)}
        offset += len(rows)
        if len(rows) < _PAGE:
            return found


def wrong_type(attio_object: AttioObject, attribute: Attribute[Any], slug: str, definition: AttributeDefinition) -> str:
    """Say that an attribute is of a type that the sync cannot write, and what to do."""
    wanted = " or ".join(attribute.types)
    return (
        f"Attio's {attio_object.title} attribute {slug} is of type {definition.type}, not {wanted}: set "
        f"{attio_object.setting(attribute.key)} to another slug, which `polar-attio setup` then creates."
    )


def _target(attribute: Attribute[Any], definition: AttributeDefinition) -> Target:
    return Target(attribute, next(kind for kind in attribute.types if kind == definition.type))


def _scope_problems(info: SelfInfo) -> Iterator[Problem]:
    for scope in _SCOPES:
        if not info.grants(scope):
            yield Problem(
                f"ATTIO_API_KEY lacks the scope {scope}: add it under Workspace settings, Developers.", fatal=True
            )


def _slug_problems(attio_object: AttioObject, slugs: Mapping[str, str]) -> Iterator[Problem]:
    matching = attio_object.matching.slug
    keys: dict[str, str] = {matching: matching}
    for key, slug in slugs.items():
        first = keys.setdefault(slug, key)
        if first != key:
            yield Problem(
                f"{attio_object.setting(key)} is {slug}, which holds {first} already: give it another slug.", fatal=True
            )


def _problem(
    attio_object: AttioObject, attribute: Attribute[Any], slug: str, definition: AttributeDefinition | None
) -> Problem | None:
    title, setting = attio_object.title, attio_object.setting(attribute.key)
    text = None
    if definition is None:
        renamed = slug != attribute.key
        if attribute.required or renamed:
            text = (
                f"Attio has no {title} attribute {slug}: run `polar-attio setup`, or set {setting} to the slug that it "
                "has."
            )
    elif definition.is_archived:
        text = f"Attio's {title} attribute {slug} is archived: run `polar-attio setup`, which restores it."
    elif definition.type not in attribute.types:
        text = wrong_type(attio_object, attribute, slug, definition)
    elif not definition.is_writable:
        text = f"Attio's {title} attribute {slug} is read-only: set {setting} to another slug."
    return Problem(text, fatal=attribute.required) if text else None


def _other_problems(
    attio_object: AttioObject, definitions: Mapping[str, AttributeDefinition], *, written: set[str]
) -> Iterator[Problem]:
    matching, title = attio_object.matching.slug, attio_object.title
    if matching not in definitions or definitions[matching].is_archived:
        yield Problem(
            f"Attio has no {title} attribute {matching}: restore it in Attio; it is a standard one.", fatal=True
        )
    for slug, definition in definitions.items():
        if definition.is_required and not definition.is_archived and slug not in written:
            yield Problem(
                f"Attio requires the {title} attribute {slug}, which the sync does not write: new {attio_object.slug} "
                "will be refused until it is optional.",
                fatal=False,
            )
