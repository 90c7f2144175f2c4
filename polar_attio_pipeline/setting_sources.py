"""Where settings come from: the environment, `.env` and files of secrets; each name is looked at before its value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from polar_attio_pipeline import setting_files, setting_names

_VALUE_ERROR = "Value error, "
"""How pydantic begins the sentence of a validator."""


def reasons(error: ValidationError) -> list[tuple[tuple[str, ...], str]]:
    """Return where each value stands that does not do, and why; never the value: it may be a token."""
    return [
        (tuple(map(str, one["loc"])), one["msg"].removeprefix(_VALUE_ERROR))
        for one in error.errors(include_input=False, include_context=False, include_url=False)
    ]


class CheckedSettings(BaseSettings):
    """Settings, each by the environment variable of the same name in capitals.

    A `.env` file in the working directory is read as well; the environment wins. A secret may be in a file instead:
    a variable with the name of the secret and `_FILE` names it, where a relative path starts at the working directory.
    A value that does not parse raises pydantic's `ValidationError`, which names the setting; a name that begins like
    ours and is no setting raises `SettingsError` with the nearest known one, and so does a file that cannot be used.
    None of them shows a value.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
        # The token may stand in the wrong setting, and a password in an address.
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            raise SettingsError(
                f"the file .env in {Path.cwd()} cannot be read ({why}): correct that, or start in another folder"
            ) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look at the names in the environment and in .env before their values are used (pydantic-settings' hook)."""
        prefix = env_settings.env_prefix.lower() if isinstance(env_settings, EnvSettingsSource) else ""
        variables = setting_names.read(env_settings, dotenv_settings, prefix=prefix)
        files = setting_files.file_names(settings_cls.model_fields)
        setting_names.refuse_unknown(variables, known={*settings_cls.model_fields, *files.values()}, prefix=prefix)
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        wanted = {secret: name for secret, name in files.items() if secret not in given}
        in_files = setting_files.read(wanted, variables, prefix=prefix)
        # Before the environment: the secret itself may be there and blank, as in a copy of .env.example.
        from_files = InitSettingsSource(settings_cls, init_kwargs=dict(in_files))
        return init_settings, from_files, env_settings, dotenv_settings, file_secret_settings

    def shown(self) -> dict[str, str]:
        """Return every setting by its environment variable, as it may be shown: of a secret, only whether it is set."""
        return {name.upper(): _shown(getattr(self, name)) for name in type(self).model_fields}

    def secrets(self) -> dict[str, str]:
        """Return every secret by its environment variable; never to be shown or stored."""
        values = {name.upper(): getattr(self, name) for name in type(self).model_fields}
        return {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return setting_files.shown(value)
    if isinstance(value, Mapping):
        return " ".join(f"{key}={renamed}" for key, renamed in sorted(value.items()))
    return "" if value is None else str(value)
