"""The settings of a component, as its defs.yaml gives them: by their usual names, and from there alone."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from polar_attio_pipeline.http.redaction import redact
from polar_attio_pipeline.setting_sources import reasons
from polar_attio_pipeline.settings import Settings

DATABASE = "polar_attio_database_url"
TOKENS = frozenset({"polar_access_token", "attio_api_key"})
"""Without one of these the definitions load all the same, as in a project without this component: runs name it."""

_ELSEWHERE = MappingProxyType(
    {
        "polar_attio_owners": "write owners beside settings instead",
        "polar_attio_ignore_names": "no name of the environment is looked at, so take it out",
    }
)
"""Settings that have no place in a component, and what to do instead."""

_LISTS = frozenset({"polar_attio_company_deny", "polar_attio_alert_urls"})
_OBJECTS = frozenset({"polar_attio_attributes"})
"""Settings that are words or JSON in the environment, and may be a list or an object in YAML."""

_PARTS = ("description", "minimum", "maximum", "exclusiveMinimum")
"""What the schema says of a setting beside its type."""


class GivenSettings(Settings):
    """Settings that come from what is given alone: a host's environment and its `.env` are not read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the names are pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out every source but the arguments (pydantic-settings' hook)."""
        return (init_settings,)


KNOWN = tuple(name for name in Settings.model_fields if name not in _ELSEWHERE)
"""The settings that a component takes."""

_SECRETS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
_TEXTS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation in {str, SecretStr})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong in a defs.yaml.

    Attributes:
        path: The keys that lead to it, below `attributes`.
        sentence: What is wrong and what to do, without a capital and a full stop; never a value.
    """

    path: tuple[str, ...]
    sentence: str


class ProblemsError(ValueError):
    """A defs.yaml does not do."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(each.path)}: {each.sentence}" for each in problems))
        self.problems = problems


def is_template(value: Any) -> bool:
    """Say whether a value of the file is one that Dagster fills in, such as "{{ env.NAME }}"."""
    return isinstance(value, str) and "{{" in value


def literal_secrets(value: Any, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Yield a problem for each text of the file that looks like a token, wherever it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from literal_secrets(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from literal_secrets(inner, path)
    elif isinstance(value, str) and "<token>" in redact(value):
        yield Problem(path, f"a token does not belong in this file: {_by_environment(path[-1])}, and make a new one")


def wrong_names_and_literals(block: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a block of settings before its templates are filled in."""
    for name, value in block.items():
        path = ("settings", name)
        if name in _ELSEWHERE:
            yield Problem(path, f"it has no place in a component: {_ELSEWHERE[name]}")
        elif name not in KNOWN:
            yield Problem(path, f"this is no setting, {nearest(name, KNOWN)}")
        elif name in _SECRETS and not is_template(value) and _holds_a_secret(name, value):
            yield Problem(path, f"it is secret and does not belong in this file: {_by_environment(name)}")


def first_of_each(problems: Iterable[Problem]) -> list[Problem]:
    """Return the first problem of each place."""
    found: dict[tuple[str, ...], Problem] = {}
    for problem in problems:
        found.setdefault(problem.path, problem)
    return list(found.values())


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Say which known name is the nearest one, as the end of a sentence."""
    found = get_close_matches(name, known, n=1)
    return f"the nearest one is {found[0]}" if found else f"there are {', '.join(known)}"


def settings_of(block: Mapping[str, Any]) -> GivenSettings:
    """Return the settings of a block whose templates are filled in.

    Args:
        block: By name; of a template that gave nothing, None.

    Raises:
        ProblemsError: some of them do not do; all of them are listed.
    """
    problems = [
        Problem(("settings", name), "it is empty: set the environment variable that it names")
        for name, value in block.items()
        if _lacks_something(value) and name not in TOKENS
    ]
    if not block.get(DATABASE) and DATABASE not in {problem.path[-1] for problem in problems}:
        example = "{{ context.project_root }}/.state/acme.db"
        problems.append(
            Problem(
                ("settings", DATABASE),
                f'it is missing: each component needs a ledger of its own, so write a path such as "{example}"',
            )
        )
    given = {name: _as_given(name, value) for name, value in block.items() if value is not None}
    try:
        settings = GivenSettings(**given)
    except ValidationError as error:
        problems += [Problem(("settings", *place), why) for place, why in reasons(error)]
    if problems:
        raise ProblemsError(problems)
    return settings


def schema() -> dict[str, Any]:
    """Return the JSON schema of the block, for editors and for `dg check yaml`."""
    whole = Settings.model_json_schema()
    kinds = whole["$defs"]
    return {
        "type": "object",
        "description": "The settings, by the names of their environment variables in small letters. The environment "
        "itself is not read, and no .env either.",
        "properties": {name: _property(name, whole["properties"][name], kinds) for name in KNOWN},
        "required": [DATABASE],
        "additionalProperties": False,
    }


def _property(name: str, described: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one setting, which may be a template everywhere."""
    kept = {key: described[key] for key in _PARTS if key in described}
    if name not in _SECRETS and "default" in described:
        kept["default"] = described["default"]
    if "$ref" in described:
        values = kinds[described["$ref"].rpartition("/")[2]]["enum"]
        return {**kept, "type": "string", "pattern": f"^({'|'.join(values)}|.*{{{{.*)$"}
    kind = described.get("type", "string")
    if kind == "object":
        return {**kept, "type": kind, "additionalProperties": {"type": "string"}}
    if kind != "string":
        return {**kept, "type": [kind, "string"], "pattern": r"\{\{"}
    others = ["array"] if name in _LISTS else ["object"] if name in _OBJECTS else ["number"]
    return {**kept, "type": [kind, *others]}


def _as_given(name: str, value: Any) -> Any:
    """Return a value of YAML in the form in which the environment would give it, where the two differ."""
    if name not in _TEXTS or isinstance(value, str):
        return value
    if name in _LISTS and isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if name in _OBJECTS and isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, int | float) else value


def _lacks_something(value: Any) -> bool:
    """Say whether a template of a value has given nothing."""
    if isinstance(value, Mapping):
        return any(map(_lacks_something, value.values()))
    return any(map(_lacks_something, value)) if isinstance(value, list | tuple) else value is None


def _holds_a_secret(name: str, value: Any) -> bool:
    if name == DATABASE:
        return isinstance(value, str) and "://" in value
    if isinstance(value, list | tuple):
        return not all(map(is_template, value))
    return bool(value)


def _by_environment(name: str) -> str:
    return f'write it as "{{{{ env.{name.upper()} }}}}", or by another variable that holds it'
