"""The pipeline as a component of a Dagster project: a defs.yaml that names its settings, and what to call things."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.defs.component_scaffold import PolarAttioScaffolder
from polar_attio_pipeline.defs.component_settings import (
    Problem,
    ProblemsError,
    first_of_each,
    is_template,
    literal_secrets,
    nearest,
    schema,
    settings_of,
    wrong_names_and_literals,
)
from polar_attio_pipeline.defs.dagster_private import place_in_yaml
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.passes.installation import recorded
from polar_attio_pipeline.settings import Settings


class Appearance(dg.Model):
    """How a project shows the pipeline."""

    prefix: str = Field(
        default="",
        description="Stands before every name and asset key, so that one project can hold several: letters, digits and "
        "underscores.",
    )
    group: str = Field(default="", description="The group of the assets. Empty: polar_to_attio behind the prefix.")
    tags: dict[str, str] = Field(
        default_factory=dict, description="Put on every asset, every job and the runs of each job."
    )
    owners: list[str] = Field(
        default_factory=list, description="Who owns the assets: addresses, or teams as in team:growth."
    )


class DefsYaml(Appearance):
    """What stands in a defs.yaml under `attributes`, before templates are filled in.

    It takes any key and any block of settings, because pydantic's own errors show values, which may be tokens by
    mistake: `PolarAttioComponent.resolve_from_model` judges them. The schema says what is right.
    """

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"additionalProperties": False, "required": ["settings"]}
    )

    settings: Annotated[Any, WithJsonSchema(schema())] = None


_LABELS: Mapping[str, Callable[[Any], dg.AssetSpec]] = {
    "group": lambda group: dg.AssetSpec("people_in_attio", group_name=group),
    "tags": lambda tags: dg.AssetSpec("people_in_attio", tags=tags),
    "owners": lambda owners: dg.AssetSpec("people_in_attio", owners=owners),
}
"""Put a label on an asset, to see whether Dagster takes it."""


@dg.scaffold_with(PolarAttioScaffolder)
class PolarAttioComponent(dg.Component, Appearance, dg.Resolvable):
    """Keeps Polar's customers in Attio's People.

    Assets, jobs, schedules and sensors of one Polar organization and one Attio workspace. Further organizations are
    further components, each with a prefix, tokens and a ledger of its own.

    Attributes:
        settings: All of them; nothing else is read from the environment.
    """

    settings: Settings

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return what a defs.yaml may say (Dagster's hook)."""
        return DefsYaml

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """Return the component that a defs.yaml describes (Dagster's hook).

        Raises:
            dagster.DagsterInvalidDefinitionError: something is wrong; the text names file, line and key of each thing,
                and shows no value.
        """
        try:
            return cls(**_resolved(context, model.model_dump(exclude_unset=True)))
        except ProblemsError as error:
            raise dg.DagsterInvalidDefinitionError("\n".join(_placed(context, error.problems))) from None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002  # Dagster's
        """Return the pipeline (Dagster's hook)."""
        return build(
            recorded(self.settings),
            prefix=self.prefix,
            group=self.group,
            tags=self.tags,
            owners=self.owners,
        )


def _resolved(context: dg.ResolutionContext, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the component.

    Raises:
        ProblemsError: something is wrong.
    """
    # Before a template is filled in: Dagster's own errors on templates show the lines around them.
    if problems := first_of_each(_before_templates(attributes)):
        raise ProblemsError(problems)
    filled: dict[str, Any] = {key: _filled(context.at_path(key), value) for key, value in attributes.items()}
    problems = list(_labels_that_dagster_refuses(filled))
    try:
        filled["settings"] = settings_of(filled["settings"])
    except ProblemsError as error:
        problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return filled


def _before_templates(attributes: Mapping[str, Any]) -> Iterator[Problem]:
    fields = tuple(DefsYaml.model_fields)
    yield from literal_secrets(attributes)
    yield from (
        Problem((key,), f"there is no such key, {nearest(key, fields)}; settings stand below settings")
        for key in attributes
        if key not in fields
    )
    block = attributes.get("settings")
    if isinstance(block, Mapping):
        yield from wrong_names_and_literals(block)
    else:
        yield Problem(("settings",), "write one setting a line below it, such as polar_attio_who: everybody")


def _labels_that_dagster_refuses(filled: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        Names(filled.get("prefix", ""))
    except ValueError as error:
        yield Problem(("prefix",), str(error).rstrip("."))
    for key, label in _LABELS.items():
        try:
            label(filled.get(key) or None)
        except (dg.DagsterInvalidDefinitionError, dg.DagsterInvariantViolationError) as error:
            yield Problem((key,), str(error).rstrip("."))


def _filled(context: dg.ResolutionContext, value: Any) -> Any:
    """Return a value with its templates filled in; what is no template stays as it is written."""
    if isinstance(value, Mapping):
        return {key: _filled(context.at_path(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(context.at_path(place), inner) for place, inner in enumerate(value)]
    return context.resolve_value(value) if is_template(value) else value


def _placed(context: dg.ResolutionContext, problems: list[Problem]) -> Iterator[str]:
    for problem in problems:
        path = [*context.path, *problem.path]
        yield f"{place_in_yaml(context, path)}{'.'.join(map(str, path))}: {problem.sentence}."
