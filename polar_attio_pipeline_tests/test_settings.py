"""Every setting: where it comes from, what it is without, and what is refused."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.mapping import BY_KEY

EXAMPLE = Path(__file__).parents[1] / ".env.example"

pytestmark = pytest.mark.usefixtures("clean_environment")


def example() -> dict[str, str]:
    """The settings of .env.example, those that are commented out included."""
    lines = EXAMPLE.read_text().splitlines()
    found = (re.fullmatch(r"(?:# )?([A-Z_]+)=(.*)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_without_anything_set_every_setting_has_its_default() -> None:
    settings = Settings()

    assert settings.polar_api_url == "https://api.polar.sh"
    assert settings.attio_api_url == "https://api.attio.com"
    assert not settings.polar_access_token.get_secret_value()
    assert not settings.attio_api_key.get_secret_value()
    assert settings.slugs() == {key: key for key in BY_KEY}
    assert settings.alert_urls() == []
    assert not settings.polar_attio_overwrite_typed
    assert not settings.polar_attio_unmark_orphaned


def test_the_defaults_stay_below_what_the_services_allow() -> None:
    settings = Settings()

    assert settings.polar_requests_per_minute < 500
    assert settings.attio_reads_per_second < 100
    assert settings.attio_writes_per_second < 25


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("POLAR_ATTIO_START_DATE=2026-12-01\nPOLAR_ATTIO_OVERLAP_HOURS=5\nOTHER=1\n")
    monkeypatch.setenv("POLAR_ATTIO_OVERLAP_HOURS", "7")

    settings = Settings()

    assert settings.polar_attio_start_date == date(2026, 12, 1)
    assert settings.polar_attio_overlap_hours == 7


def test_each_attribute_can_be_renamed_by_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTIO_SLUG__POLAR_CUSTOMER", "is_customer")
    monkeypatch.setenv("ATTIO_SLUG__POLAR_COUNTRY", "")

    slugs = Settings().slugs()

    assert slugs["polar_customer"] == "is_customer"
    assert slugs["polar_country"] == "polar_country"


def test_the_name_of_no_attribute_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="no attribute is called polar_costumer; there are name, "):
        Settings(attio_slug={"polar_costumer": "is_customer"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("polar_requests_per_minute", 0),
        ("attio_reads_per_second", -1),
        ("polar_attio_overlap_hours", 49),
        ("polar_attio_snapshot_minutes", -1),
        ("polar_attio_unmark_max_share", 1.1),
        ("polar_attio_failed_error_share", -0.1),
        ("polar_attio_start_date", "soon"),
        ("polar_attio_reconciliation_cron", "daily"),
        ("polar_attio_reconciliation_cron", "35 3 * *"),
        ("polar_attio_dagster_url", "dagster.example.com"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


def test_tokens_are_not_shown() -> None:
    settings = Settings(polar_access_token=SecretStr("polar_oat_x"), attio_api_key=SecretStr("key_x"))

    assert "polar_oat_x" not in repr(settings) + str(settings)
    assert "key_x" not in repr(settings) + str(settings)


def test_alert_addresses_are_not_shown() -> None:
    settings = Settings(polar_attio_alert_urls=SecretStr("mailto://me:password@example.com"))

    assert "password" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_the_address_of_dagsters_ui_may_end_with_a_slash() -> None:
    settings = Settings(polar_attio_dagster_url="https://dagster.example.com/polar/")

    assert settings.polar_attio_dagster_url == "https://dagster.example.com/polar"


@pytest.mark.parametrize("urls", ["json://a mailto://b", "json://a,mailto://b", " json://a ,\tmailto://b "])
def test_channels_are_separated_by_spaces_or_commas(urls: str) -> None:
    assert Settings(polar_attio_alert_urls=SecretStr(urls)).alert_urls() == ["json://a", "mailto://b"]


def test_owners_are_addresses_or_teams_separated_by_spaces_or_commas() -> None:
    assert Settings(polar_attio_owners="ada@example.com, team:growth").owners() == ["ada@example.com", "team:growth"]
    assert Settings().owners() == []


@pytest.mark.parametrize("owners", ["Ada", "team:", "ada@example", "ada@example.com Bob"])
def test_an_owner_that_dagster_would_not_take_is_refused_with_what_to_write(owners: str) -> None:
    with pytest.raises(ValidationError, match=r"write addresses, such as ada@.+, or teams, such as team:growth"):
        Settings(polar_attio_owners=owners)


def test_every_setting_has_a_line_in_the_example_and_every_line_a_setting() -> None:
    slugs = {f"ATTIO_SLUG__{key.upper()}" for key in BY_KEY if key.startswith("polar_")}
    plain = {name.upper() for name in Settings.model_fields if name != "attio_slug"}

    assert example().keys() - slugs == plain
    assert {name for name in example() if name.startswith("ATTIO_SLUG__")} == slugs


def test_the_values_in_the_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Settings()
    for name, value in example().items():
        monkeypatch.setenv(name, value)

    assert Settings().model_dump(exclude={"attio_slug"}) == bare.model_dump(exclude={"attio_slug"})
    assert Settings().slugs() == bare.slugs()


@pytest.mark.parametrize("given", ["", "  "])
def test_a_database_url_that_is_blank_is_the_default(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", given)

    assert Settings().polar_attio_database_url.get_secret_value() == ".state/polar_attio.db"


def test_the_password_of_the_database_is_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", "postgresql://polar:hunter2@db.example/ledger")

    assert "hunter2" not in f"{Settings()!r} {Settings()} {Settings().model_dump()} {Settings().model_dump_json()}"
