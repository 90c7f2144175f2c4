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
    message_of,
    not_attio,
)
from polar_attio_pipeline.attio.models import AttributeDefinition, SelfInfo, parse_definitions
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.options import list_options
from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.sync.mapping import Attribute, Target
from polar_attio_pipeline.sync.records import ValueType

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
        described += [f"{target.currency} {sorted(target.options)}" for target in self.targets]
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
        slug = slugs[attribute.key]
        definition = definitions.get(slug)
        problem = _problem(attio_object, attribute, slug, definition)
        if problem:
            problems.append(problem)
        elif definition:
            target, problem = await _target(api, attio_object, attribute, definition)
            targets += [target] if target else []
            problems += [problem] if problem else []
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
            "Attio knows no active key like ATTIO_API_KEY, so it is mistyped, or revoked: compare it with where you "
            "kept it, or create a new one under Workspace settings, Developers.",
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


def unsuitable(
    attio_object: AttioObject, attribute: Attribute[Any], slug: str, definition: AttributeDefinition
) -> str | None:
    """Say why the sync cannot keep its value in an attribute as it was created, and what to do; None where it can."""
    about = f"Attio's {attio_object.title} attribute {slug}"
    cure = f"{attio_object.advice(attribute.key, 'another slug')}, which `polar-attio setup` then creates."
    if definition.type not in attribute.types:
        return f"{about} is of type {definition.type}, not {' or '.join(attribute.types)}: {cure}"
    if definition.is_multiselect:
        # An update adds to the values of such an attribute and removes none (measured of addresses).
        return f"{about} takes several values, of which an update would remove none: {cure}"
    return None


async def _target(
    api: ApiClient, attio_object: AttioObject, attribute: Attribute[Any], definition: AttributeDefinition
) -> tuple[Target | None, Problem | None]:
    kind = next(kind for kind in attribute.types if kind == definition.type)
    if kind is not ValueType.SELECT:
        return Target(attribute, kind, currency=definition.currency), None
    about = f"Attio's {attio_object.title} attribute {definition.api_slug}"
    try:
        listed = await list_options(api, attio_object, definition.api_slug)
    except RecordError as error:
        why = f"{about} is not written, because its options cannot be listed: {message_of(error)}"
        return None, Problem(why, fatal=False)
    options = frozenset(title for title, option in listed.items() if not option.is_archived)
    missing = [title for title in attribute.options if title not in options]
    said = f"{about} has no option {' and no option '.join(missing)}: run `polar-attio setup`, which adds it."
    return Target(attribute, kind, options=options), Problem(said, fatal=False) if missing else None


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
    title, key = attio_object.title, attribute.key
    text = None
    if definition is None:
        # Somebody has asked for it by its slug.
        is_named = slug != key or bool(attribute.declared_in)
        if attribute.required or is_named:
            text = (
                f"Attio has no {title} attribute {slug}: run `polar-attio setup`, or "
                f"{attio_object.advice(key, 'the slug that it has')}."
            )
    elif definition.is_archived:
        text = f"Attio's {title} attribute {slug} is archived: run `polar-attio setup`, which restores it."
    elif why := unsuitable(attio_object, attribute, slug, definition):
        text = why
    elif not definition.is_writable:
        text = f"Attio's {title} attribute {slug} is read-only: {attio_object.advice(key, 'another slug')}."
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
