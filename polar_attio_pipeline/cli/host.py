"""`polar-attio --component FOLDER`: the settings of a component of a Dagster project, for every command."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr

from polar_attio_pipeline.cli.output import fail
from polar_attio_pipeline.setting_names import SHARED
from polar_attio_pipeline.settings import Settings


def use_component(folder: Path) -> str:
    """Make the settings of a component those of this process, instead of what its environment and `.env` say.

    Values of defs.yaml may name variables of the environment, and of a `.env` in the working directory, which is where
    `dg` looks as well.

    Args:
        folder: Where its defs.yaml is, below the project.

    Returns:
        The prefix of the component. Where it cannot be loaded, the command ends with a sentence that says why.
    """
    for name, value in dotenv_values(".env").items():
        os.environ.setdefault(name, value or "")
    prefix, settings = _loaded(folder)
    # Names of the host's own among them, which would be refused as no settings.
    for name in [name for name in os.environ if name.lower().startswith(SHARED)]:
        del os.environ[name]
    os.environ.update(environment_of(settings))
    # What stands in .env would join the values of the component where a setting has parts, such as ATTIO_SLUG.
    Settings.model_config["env_file"] = None
    return prefix


def environment_of(settings: Settings) -> Mapping[str, str]:
    """Return every setting as the environment would give it, secrets among them."""
    return {name.upper(): _text(getattr(settings, name)) for name in Settings.model_fields}


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return json.dumps(value)
    return "" if value is None else str(value)


def _loaded(folder: Path) -> tuple[str, Settings]:
    # Imported where it is of use only: Dagster takes seconds to load.
    from polar_attio_pipeline.defs.component_at import ComponentUnusableError, component_at  # noqa: PLC0415

    try:
        component = component_at(folder)
    except ComponentUnusableError as error:
        fail(str(error))
    return component.prefix, component.settings
