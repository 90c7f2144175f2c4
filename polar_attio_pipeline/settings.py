"""Every setting: its environment variable, its default, its meaning. Nothing else reads the environment."""

import re
from datetime import date

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from polar_attio_pipeline.sync.mapping import BY_KEY

_DATABASE = ".state/polar_attio.db"
_OWNER = re.compile(r"team:.+|[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", re.ASCII)
"""What Dagster takes for an owner of an asset."""

_CRON = re.compile(r"\S+( \S+){4}")


class Settings(BaseSettings):
    """What a person can set, each by the environment variable of the same name in capitals.

    A `.env` file in the working directory is read as well; the environment wins. A value that does not parse raises
    pydantic's `ValidationError`, which names the setting.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    polar_access_token: SecretStr = Field(
        default=SecretStr(""),
        description="Polar organization access token; scope customers:read, better with members:read and "
        "organizations:read.",
    )
    polar_api_url: str = Field(
        default="https://api.polar.sh", description="https://sandbox-api.polar.sh for Polar's sandbox."
    )
    polar_requests_per_minute: float = Field(
        default=300,
        gt=0,
        description="Polar allows 500 a minute (100 in its sandbox) for the whole organization, your own product "
        "included; stay well below.",
    )
    polar_organization_slug: str = Field(
        default="",
        description="Makes the links into Polar's dashboard exact. Asked of Polar when empty and the token may.",
    )
    attio_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Attio API key; scopes record_permission:read-write and object_configuration:read "
        "(read-write while `polar-attio setup` creates attributes).",
    )
    attio_api_url: str = "https://api.attio.com"
    attio_reads_per_second: float = Field(default=50, gt=0, description="Attio allows 100, over all apps.")
    attio_writes_per_second: float = Field(default=20, gt=0, description="Attio allows 25, over all apps.")
    attio_slug: dict[str, str] = Field(
        default_factory=dict,
        description="Renamed attributes: ATTIO_SLUG__POLAR_CUSTOMER=is_customer, and so for every attribute key.",
    )

    polar_attio_start_date: date = Field(
        default=date(2026, 11, 1),
        description="First day of the hourly partitions, UTC: the day you go live. Everybody older comes through "
        "customer_reconciliation.",
    )
    polar_attio_database_url: SecretStr = Field(
        default=SecretStr(_DATABASE),
        description="Where the ledger is: the path of a SQLite file, or postgresql://user:password@host:5432/database.",
    )
    polar_attio_overlap_hours: int = Field(
        default=2, ge=0, le=48, description="How many earlier hours each hourly pass reads again."
    )
    polar_attio_snapshot_minutes: float = Field(
        default=5,
        ge=0,
        description="An hour's snapshot older than this is read anew before anything is written from it.",
    )
    polar_attio_overwrite_typed: bool = Field(
        default=False, description="Let Polar win over values that a workspace member typed."
    )
    polar_attio_unmark_orphaned: bool = Field(
        default=False,
        description="Uncheck polar_customer on people whom Polar no longer has. Off: they are only reported.",
    )
    polar_attio_unmark_max_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Nobody is unmarked when more than this share of the marked people is missing from Polar.",
    )
    polar_attio_shrink_max_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="A reconciliation that finds Polar with fewer customers than before by more than this share stops "
        "before its first write and asks for `polar-attio confirm fewer-customers`.",
    )
    polar_attio_failed_error_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="The share of rejected and ambiguous customers over which the check turns from warning to error.",
    )
    polar_attio_reconciliation_cron: str = Field(
        default="35 3 * * *",
        description="When all customers is reconciled: minute, hour, day, month and weekday of a cron expression, "
        "UTC. It is looked at every ten minutes.",
    )
    polar_attio_dagster_url: str = Field(
        default="http://127.0.0.1:3000", description="Where people open Dagster's UI: alerts link to it."
    )
    polar_attio_owners: str = Field(
        default="",
        description="Who owns the assets, as Dagster's UI shows it: addresses or team:name, separated by spaces or "
        "commas.",
    )
    polar_attio_alert_urls: SecretStr = Field(
        default=SecretStr(""),
        description="Where to tell people, in apprise's notation, separated by spaces or commas: slack://..., "
        "mailto://..., json://...",
    )
    polar_attio_overdue_hours: float = Field(
        default=3, gt=0, description="How long after its end an hour may stay open before people are told."
    )

    @field_validator("polar_attio_database_url")
    @classmethod
    def _blank_is_the_default(cls, url: SecretStr) -> SecretStr:
        return SecretStr(url.get_secret_value().strip() or _DATABASE)

    @field_validator("attio_slug")
    @classmethod
    def _keys_are_known(cls, renamed: dict[str, str]) -> dict[str, str]:
        lowered = {key.lower(): slug for key, slug in renamed.items()}
        unknown = sorted(lowered.keys() - BY_KEY.keys())
        if unknown:
            known = ", ".join(sorted(BY_KEY))
            raise ValueError(f"no attribute is called {', '.join(unknown)}; there are {known}")
        return lowered

    @field_validator("polar_attio_reconciliation_cron")
    @classmethod
    def _is_a_cron_expression(cls, cron: str) -> str:
        # Its shape only: Dagster, which is not imported here, judges the values when it loads the code location.
        if not _CRON.fullmatch(cron.strip()):
            raise ValueError("write minute, hour, day, month and weekday in UTC, such as '35 3 * * *'")
        return cron.strip()

    @field_validator("polar_attio_dagster_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("write the address of Dagster's UI, such as http://127.0.0.1:3000")
        return url.rstrip("/")

    @field_validator("polar_attio_owners")
    @classmethod
    def _are_owners(cls, owners: str) -> str:
        wrong = [owner for owner in _words(owners) if not _OWNER.fullmatch(owner)]
        if wrong:
            raise ValueError("write addresses, such as ada@example.com, or teams, such as team:growth")
        return owners

    def owners(self) -> list[str]:
        """Return who owns the assets."""
        return _words(self.polar_attio_owners)

    def alert_urls(self) -> list[str]:
        """Return the address of every alert channel; they hold passwords."""
        return _words(self.polar_attio_alert_urls.get_secret_value())

    def slugs(self) -> dict[str, str]:
        """Return the workspace's slug for each attribute key: the key itself unless renamed."""
        return {key: self.attio_slug.get(key) or key for key in BY_KEY}


def _words(listed: str) -> list[str]:
    return listed.replace(",", " ").split()
