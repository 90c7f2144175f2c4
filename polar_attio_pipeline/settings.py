"""Every setting: its environment variable, its default, its meaning. Nothing else reads the environment."""

from datetime import date
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from polar_attio_pipeline import mapped_setting, setting_names
from polar_attio_pipeline.setting_sources import CheckedSettings
from polar_attio_pipeline.setting_values import (
    ApiAddress,
    CronExpression,
    CurrencyCode,
    Domains,
    Owners,
    WebAddress,
    words,
)
from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.companies.attributes import COMPANY_BY_KEY
from polar_attio_pipeline.sync.companies.domains import domain_key
from polar_attio_pipeline.sync.mapped import Mapped
from polar_attio_pipeline.sync.mapping import Attribute
from polar_attio_pipeline.sync.records import Customer

POLAR_API_VERSION = "2026-10"
"""The newest version of Polar's API that is released."""

POLAR_API_VERSIONS = ("2026-04", POLAR_API_VERSION, "2027-01")
"""Those that the tests cover. Polar releases one each quarter, drops the one before a quarter later, and shows the next
one beforehand, which may still change (Polar's documentation); customers are the same in all three (its SDK 1.0.2)."""

_DATABASE = ".state/polar_attio.db"


class Settings(CheckedSettings):
    """What a person can set, each by the environment variable of the same name in capitals."""

    polar_access_token: SecretStr = Field(
        default=SecretStr(""),
        description="Polar organization access token; scope customers:read, better with members:read and "
        "organizations:read.",
    )
    polar_api_url: ApiAddress = Field(
        default="https://api.polar.sh",
        description="The address of Polar's API, by https; https://sandbox-api.polar.sh for Polar's sandbox.",
    )
    polar_api_version: str = Field(
        default=POLAR_API_VERSION,
        pattern=r"^\d{4}-\d{2}$",
        description="Polar's API version, sent with every request: the newest one that Polar has released. Polar drops "
        f"old ones; tested are {', '.join(POLAR_API_VERSIONS)}.",
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
    attio_api_url: ApiAddress = "https://api.attio.com"
    attio_reads_per_second: float = Field(default=50, gt=0, description="Attio allows 100, over all apps.")
    attio_writes_per_second: float = Field(default=20, gt=0, description="Attio allows 25, over all apps.")
    attio_slug: dict[str, str] = Field(
        default_factory=dict,
        description="Renamed attributes: ATTIO_SLUG__POLAR_CUSTOMER=is_customer, and so for every attribute key.",
    )

    attio_company_slug: dict[str, str] = Field(
        default_factory=dict,
        description="The same for attributes of companies: ATTIO_COMPANY_SLUG__POLAR_MRR=mrr.",
    )

    polar_attio_start_date: date | None = Field(
        default=None,
        description="First day of the hourly partitions, UTC. Empty: the day on which the pipeline was loaded for the "
        "first time, which the ledger keeps. Older customers come through full_reconciliation.",
    )
    polar_attio_database_url: SecretStr = Field(
        default=SecretStr(_DATABASE),
        description="Where the ledger is: the path of a SQLite file, or postgresql://user:password@host:5432/database.",
    )
    polar_attio_currency: CurrencyCode = Field(
        default="USD",
        description="ISO 4217 code of the currency in which `polar-attio setup` creates currency attributes. Attio "
        "keeps the currency with the attribute: amounts in any other are not written.",
    )
    polar_attio_attributes: str = Field(
        default="",
        description="Further attributes of people, as JSON: the slug of each, and where its value is from "
        "(docs/attributes.md).",
    )
    polar_attio_overlap_hours: int = Field(
        default=2, ge=0, le=48, description="How many earlier hours each hourly pass reads again."
    )
    polar_attio_snapshot_minutes: float = Field(
        default=5,
        ge=0,
        description="An hour's snapshot older than this is read anew before anything is written from it.",
    )
    polar_attio_who: Audience = Field(
        default=Audience.EVERYBODY,
        description="Which customers become people in Attio: everybody, ever-paid (a payment is known) or pays-now. "
        "A person who is there stays there, with a true status. The last two need the scope subscriptions:read; "
        "ever-paid is exact only with orders:read.",
    )
    polar_attio_companies: bool = Field(
        default=False,
        description="Keep Attio's companies too: the number of customers and the monthly recurring revenue by the "
        "domain of their addresses, and people linked to them.",
    )
    polar_attio_company_deny: Domains = Field(
        default="",
        description="Domains that are no company, separated by spaces or commas; their subdomains are none either.",
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
        "before its first write and asks for `polar-attio approve fewer-customers`.",
    )
    polar_attio_change_max_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="A pass that would replace or clear values of more than this share of the people who hold a Polar "
        "id stops before its first write and asks for `polar-attio approve many-changes`. 1 switches that off.",
    )
    polar_attio_change_min_people: int = Field(
        default=25, ge=0, description="So many people a pass may always change, however small their number in all."
    )
    polar_attio_history_days: int = Field(
        default=730,
        ge=0,
        description="How many days the ledger keeps what was written to Attio, and the passes that wrote it; 0 keeps "
        "all of it. What has left the ledger cannot be taken back by `polar-attio undo` any more.",
    )
    polar_attio_forget_deleted_days: int = Field(
        default=90,
        ge=0,
        description="How many days after a pass noticed that a customer was deleted in Polar the ledger forgets it, "
        "with its history; 0 keeps it until `polar-attio forget`.",
    )
    polar_attio_failed_error_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="The share of rejected and ambiguous customers over which the check turns from warning to error.",
    )
    polar_attio_reconciliation_cron: CronExpression = Field(
        default="",
        description="When all customers are reconciled, a cron expression in UTC, looked at every ten minutes. Empty: "
        "daily at 03:35, and every hour while the token may not read Polar's events.",
    )
    polar_attio_hourly_minute: int = Field(
        default=5,
        ge=1,
        le=59,
        description="The minute of each hour in which the hour before is read for the last time; a customer of the "
        "last seconds of an hour may appear in Polar a little after its end.",
    )
    polar_attio_sensor_seconds: int = Field(
        default=30,
        # Alerts look at its newest 60 evaluations, which must cover the 15 minutes after which they call it blind.
        ge=20,
        le=900,
        description="How often the sensors ask Polar for new customers and for changes, one request each time.",
    )
    polar_attio_events_overlap_minutes: int = Field(
        default=10,
        ge=1,
        le=1440,
        description="How many minutes late an event of Polar's may appear and still be seen; the reconciliation finds "
        "what changed without one.",
    )
    polar_attio_changes_max: int = Field(
        default=500,
        ge=1,
        le=1000,
        description="When more customers than this have changed, all of them are reconciled instead.",
    )
    polar_attio_alert_seconds: int = Field(
        default=60, ge=10, le=3600, description="How often it is judged whether there is something to alert people of."
    )
    polar_attio_dagster_url: WebAddress = Field(
        default="http://127.0.0.1:3000", description="Where people open Dagster's UI: alerts link to it."
    )
    polar_attio_owners: Owners = Field(
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
        default=3, gt=0, description="How long after its end an hour may stay open before that is announced."
    )

    polar_attio_telemetry: bool = Field(
        default=False,
        description="Send spans and metrics by OpenTelemetry, to where its own variables of the environment say "
        "(docs/telemetry.md). Needs: pip install 'polar-attio-pipeline[otel]'.",
    )
    polar_attio_log_format: Literal["text", "json"] = Field(
        default="text", description="The log of commands and runs: text for people, or a JSON object a line."
    )

    polar_attio_ignore_names: str = Field(
        default="",
        description="Names of other programs' environment variables that begin with POLAR_ or ATTIO_, separated by "
        "spaces or commas; * stands for anything, as in POLAR_PORT*. Every other unknown name is an error.",
    )

    @field_validator("polar_attio_start_date", mode="before")
    @classmethod
    def _blank_is_no_date(cls, given: object) -> object:
        return None if isinstance(given, str) and not given.strip() else given

    @field_validator("polar_attio_database_url")
    @classmethod
    def _blank_is_the_default(cls, url: SecretStr) -> SecretStr:
        given = url.get_secret_value().strip()
        return type(url)(given) if given else SecretStr(_DATABASE)

    @field_validator("attio_slug")
    @classmethod
    def _keys_are_known(cls, renamed: dict[str, str]) -> dict[str, str]:
        return setting_names.renamed_keys(renamed, BY_KEY, "attribute")

    @field_validator("attio_company_slug")
    @classmethod
    def _company_keys_are_known(cls, renamed: dict[str, str]) -> dict[str, str]:
        return setting_names.renamed_keys(renamed, COMPANY_BY_KEY, "attribute of companies")

    @field_validator("polar_attio_attributes")
    @classmethod
    def _are_attributes(cls, text: str, info: ValidationInfo) -> str:
        mapped_setting.parse(text, taken=mapped_setting.taken_slugs(info.data.get("attio_slug", {})))
        return text

    def owners(self) -> list[str]:
        """Return who owns the assets."""
        return words(self.polar_attio_owners)

    def alert_urls(self) -> list[str]:
        """Return the address of every alert channel; they hold passwords."""
        return words(self.polar_attio_alert_urls.get_secret_value())

    def mapped(self) -> tuple[Mapped, ...]:
        """Return the attributes that a setting maps."""
        return mapped_setting.parse(self.polar_attio_attributes, taken=mapped_setting.taken_slugs(self.attio_slug))

    def attributes(self) -> tuple[Attribute[Customer], ...]:
        """Return every attribute of people: those of the sync, and those that a setting maps."""
        return (*ATTRIBUTES, *(one.attribute() for one in self.mapped()))

    def slugs(self) -> dict[str, str]:
        """Return the workspace's slug for each attribute key: the key itself unless renamed."""
        return {attribute.key: self.attio_slug.get(attribute.key) or attribute.key for attribute in self.attributes()}

    def company_slugs(self) -> dict[str, str]:
        """Return the same for attributes of companies."""
        return {key: self.attio_company_slug.get(key) or key for key in COMPANY_BY_KEY}

    def company_deny(self) -> frozenset[str]:
        """Return the domains that are no company, in the form in which domains are compared."""
        return frozenset(map(domain_key, words(self.polar_attio_company_deny)))
