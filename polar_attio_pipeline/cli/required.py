"""The settings that a command cannot do without, and where they were looked for."""

from pathlib import Path

from polar_attio_pipeline.settings import Settings

POLAR_TOKEN = "POLAR_ACCESS_TOKEN"  # noqa: S105  # the name of a variable
ATTIO_KEY = "ATTIO_API_KEY"


class MissingSettingError(Exception):
    """A command needs a setting that is not set; the text says which, and where it was looked for."""


def settings_with(*names: str) -> Settings:
    """Return the settings, those among them that a command needs.

    Args:
        *names: The environment variables of secrets that must be set.

    Raises:
        MissingSettingError: some of them are not.
        ValidationError, SettingsError: a setting is not usable.
    """
    settings = Settings()
    missing = missing_of(settings, names)
    if missing:
        raise MissingSettingError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: {looked_for()}"
        )
    return settings


def missing_of(settings: Settings, names: tuple[str, ...]) -> list[str]:
    """Return those of some secrets that are not set."""
    values = settings.secrets()
    return [name for name in names if not values[name].strip()]


def looked_for() -> str:
    """Say where settings were looked for, and what to do, as the end of a sentence."""
    if Settings.model_config.get("env_file") is None:
        return "the variable that the component's defs.yaml names for it has no value: set that one."
    file = Path.cwd() / ".env"
    if file.is_file():
        return f"neither the environment nor {file} has a value for it; write it there."
    return (
        f"the environment has no value for it, and there is no file {file}; `polar-attio init` writes one: fill it in."
    )
