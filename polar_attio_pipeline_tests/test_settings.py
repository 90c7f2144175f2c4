"""Every setting: where it comes from, what it is without, and what is refused."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.companies.attributes import COMPANY_BY_KEY

EXAMPLE = Path(__file__).parents[1] / ".env.example"

TAKES_ANY_TEXT = {"polar_attio_ignore_names", "polar_organization_slug"}

RENAMING = {"attio_slug", "attio_company_slug"}
"""Settings that have a variable for each attribute."""

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


def test_the_name_of_no_attribute_is_refused_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTIO_SLUG__POLAR_COSTUMER", "is_customer")

    with pytest.raises(
        ValidationError, match=r"no attribute is called polar_costumer, the nearest one is POLAR_CUSTOMER"
    ):
        Settings()


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
        ("polar_attio_reconciliation_cron", "35 24 * * *"),
        ("polar_attio_hourly_minute", 0),
        ("polar_attio_hourly_minute", 60),
        ("polar_attio_sensor_seconds", 19),
        ("polar_attio_sensor_seconds", 901),
        ("polar_attio_events_overlap_minutes", 0),
        ("polar_attio_changes_max", 0),
        ("polar_attio_changes_max", 1001),
        ("polar_attio_alert_seconds", 9),
        ("polar_api_version", "newest"),
        ("polar_attio_dagster_url", "dagster.example.com"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "POLAR_ATTIO_OVERLAP_HOUR",
            "POLAR_ATTIO_OVERLAP_HOUR in the environment is no setting, the nearest one is POLAR_ATTIO_OVERLAP_HOURS",
        ),
        (
            "ATTIO_API_KEYS",
            "ATTIO_API_KEYS in the environment is no setting, the nearest one is ATTIO_API_KEY (if another program "
            "uses it, add it to POLAR_ATTIO_IGNORE_NAMES)",
        ),
        (
            "POLAR_WEBHOOK_SECRET",
            "POLAR_WEBHOOK_SECRET in the environment is no setting, and none has a similar name: `polar-attio init "
            "--show .env` lists all (if another program uses it, add it to POLAR_ATTIO_IGNORE_NAMES)",
        ),
    ],
)
def test_a_name_that_begins_like_ours_and_is_no_setting_is_refused_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setenv(name, "s3cret")

    with pytest.raises(SettingsError) as refused:
        Settings()

    assert str(refused.value) == message


def test_unknown_names_in_the_file_are_refused_too_and_all_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("POLAR_ACCES_TOKEN=polar_oat_x\nOTHER=1\n")
    monkeypatch.setenv("POLAR_ATTIO_DRY_RUN", "1")

    with pytest.raises(SettingsError) as refused:
        Settings()

    assert "POLAR_ACCES_TOKEN in .env is no setting, the nearest one is POLAR_ACCESS_TOKEN (" in str(refused.value)
    assert "POLAR_ATTIO_DRY_RUN in the environment" in str(refused.value)
    assert "polar_oat_x" not in str(refused.value)


@pytest.mark.parametrize("ignored", ["POLAR_WEBHOOK_SECRET,POLAR_PORT*", "polar_port* polar_webhook_secret"])
def test_names_of_other_programs_can_be_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: str) -> None:
    (tmp_path / ".env").write_text(f"POLAR_ATTIO_IGNORE_NAMES={ignored}\n")
    monkeypatch.setenv("POLAR_WEBHOOK_SECRET", "x")
    monkeypatch.setenv("POLAR_PORT_80_TCP", "tcp://10.0.0.1:80")

    assert not Settings().polar_access_token.get_secret_value()


def test_a_name_that_only_this_pipeline_can_have_is_never_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_IGNORE_NAMES", "POLAR_ATTIO_* *")
    monkeypatch.setenv("POLAR_ATTIO_OVERLAP", "2")

    with pytest.raises(SettingsError, match="the nearest one is POLAR_ATTIO_OVERLAP_HOURS"):
        Settings()


def test_with_a_prefix_of_a_host_project_only_names_that_begin_with_it_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLAR_WEBHOOK_SECRET", "of the host")
    monkeypatch.setenv("ACME_POLAR_ATTIO_OVERLAP_HOURS", "7")

    assert Settings(_env_prefix="ACME_").polar_attio_overlap_hours == 7

    monkeypatch.setenv("ACME_POLAR_ATTIO_OVERLAP_HOUR", "7")
    with pytest.raises(SettingsError, match=r"^ACME_POLAR_ATTIO_OVERLAP_HOUR .* nearest one is ACME_POLAR_ATTIO_OVER"):
        Settings(_env_prefix="ACME_")


def test_what_is_shown_of_the_settings_names_all_and_holds_no_secret() -> None:
    settings = Settings(polar_access_token=SecretStr("polar_oat_x"), attio_slug={"polar_customer": "is_customer"})

    shown = settings.shown()

    assert shown.keys() == {name.upper() for name in Settings.model_fields}
    assert (shown["POLAR_ACCESS_TOKEN"], shown["ATTIO_API_KEY"]) == ("set", "not set")
    assert shown["ATTIO_SLUG"] == "polar_customer=is_customer"
    assert shown["POLAR_ATTIO_OVERLAP_HOURS"] == "2"
    assert "polar_oat_x" not in str(shown)


@pytest.mark.parametrize("blank", ["", " "])
def test_a_start_date_that_is_blank_is_none(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("POLAR_ATTIO_START_DATE", blank)

    assert Settings().polar_attio_start_date is None


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


@pytest.mark.parametrize("setting", ["polar_api_url", "attio_api_url"])
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://api.polar.sh", "https://api.polar.sh"),
        (" https://api.polar.sh/ ", "https://api.polar.sh"),
        ("HTTPS://gateway.example.com:8443", "https://gateway.example.com:8443"),
        ("http://127.0.0.1:8700", "http://127.0.0.1:8700"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]:8700/", "http://[::1]:8700"),
        ("http://LocalHost:8700", "http://LocalHost:8700"),
    ],
)
def test_a_token_travels_by_https_or_stays_on_this_machine(setting: str, given: str, taken: str) -> None:
    assert getattr(Settings.model_validate({setting: given}), setting) == taken


@pytest.mark.parametrize("setting", ["polar_api_url", "attio_api_url"])
@pytest.mark.parametrize(
    ("given", "what_to_do"),
    [
        ("http://api.polar.sh", "would travel unencrypted: write https://"),
        ("HTTP://api.polar.sh", "would travel unencrypted"),
        ("http://0.0.0.0:8700", "would travel unencrypted"),
        ("http://10.0.0.7", "would travel unencrypted"),
        ("http://127.0.0.1.example.com", "would travel unencrypted"),
        ("http://localhost.example.com", "would travel unencrypted"),
        ("http://2130706433", "would travel unencrypted"),
        ("http://127.1", "would travel unencrypted"),
        ("http://[::]", "would travel unencrypted"),
        ("http://[fe80::1]", "would travel unencrypted"),
        ("http://localhost@example.com", "leave out what stands before the @"),
        ("https://ada:hunter2@api.polar.sh", "leave out what stands before the @"),
        ("https://hunter2@api.polar.sh", "leave out what stands before the @"),
        ("https://api.polar.sh/v1", "write scheme and host alone"),
        ("https://api.polar.sh//v1/", "write scheme and host alone"),
        ("https://api.polar.sh?token=hunter2", "write scheme and host alone"),
        ("https://api.polar.sh/#hunter2", "write scheme and host alone"),
        ("https://api.polar.sh#", "write scheme and host alone"),
        ("api.polar.sh", "begins with neither https:// nor http://"),
        ("ftp://api.polar.sh", "begins with neither"),
        ("file:///etc/passwd", "begins with neither"),
        ("hunter2", "begins with neither"),
        ("", "it is empty: leave it out"),
        ("  ", "it is empty"),
        ("https://", "it is no address"),
        ("https:///v1", "it is no address"),
        ("https://api.polar.sh:port", "it is no address"),
        ("https://api.polar.sh:99999", "it is no address"),
        ("https://[::1", "it is no address"),
        ("http://127.0.0.1\\example.com", "it is no address"),
        ("https://api.polar.sh\nx", "it is no address"),
        ("https://api polar.sh", "it is no address"),
        ("https://api,polar.sh", "it is no address"),
    ],
)
def test_any_other_address_of_an_api_is_refused_with_what_to_do_and_not_repeated(
    setting: str, given: str, what_to_do: str
) -> None:
    with pytest.raises(ValidationError, match=setting) as refused:
        Settings.model_validate({setting: given})

    assert what_to_do in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        "dagster.example.com",
        "https://",
        "https://ada:hunter2@dagster.example.com",
        "https://dagster.example.com/?key=hunter2",
        "https://dagster.example.com/#hunter2",
        "https://dagster.example.com/a b",
    ],
)
def test_an_address_of_dagsters_ui_that_no_alert_should_link_to_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match=r"(such as|as in) http://127") as refused:
        Settings(polar_attio_dagster_url=given)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is not SecretStr and name not in TAKES_ANY_TEXT
    ),
)
def test_a_token_that_was_put_into_another_setting_is_in_no_error(name: str) -> None:
    token = "polar_oat_" + "h" * 43

    with pytest.raises(ValidationError, match=name) as refused:
        Settings.model_validate({name: token})

    assert token not in f"{refused.value} {refused.value!r}"


def test_owners_are_addresses_or_teams_separated_by_spaces_or_commas() -> None:
    assert Settings(polar_attio_owners="ada@example.com, team:growth").owners() == ["ada@example.com", "team:growth"]
    assert Settings().owners() == []


@pytest.mark.parametrize("owners", ["Ada", "team:", "ada@example", "ada@example.com Bob"])
def test_an_owner_that_dagster_would_not_take_is_refused_with_what_to_write(owners: str) -> None:
    with pytest.raises(ValidationError, match=r"write addresses, such as ada@.+, or teams, such as team:growth"):
        Settings(polar_attio_owners=owners)


def test_every_setting_has_a_line_in_the_example_and_every_line_a_setting() -> None:
    slugs = {f"ATTIO_SLUG__{key.upper()}" for key in BY_KEY if key.startswith("polar_")}
    slugs |= {f"ATTIO_COMPANY_SLUG__{key.upper()}" for key in COMPANY_BY_KEY}
    plain = {name.upper() for name in Settings.model_fields if name not in RENAMING}

    assert example().keys() - slugs == plain
    assert {name for name in example() if "_SLUG__" in name} == slugs


def test_the_values_in_the_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Settings()
    for name, value in example().items():
        monkeypatch.setenv(name, value)

    assert Settings().model_dump(exclude=RENAMING) == bare.model_dump(exclude=RENAMING)
    assert Settings().slugs() == bare.slugs()
    assert Settings().company_slugs() == bare.company_slugs()


def test_an_attribute_of_companies_can_be_renamed_and_an_unknown_one_names_the_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATTIO_COMPANY_SLUG__POLAR_MRR", "mrr")
    assert Settings().company_slugs()["polar_mrr"] == "mrr"

    monkeypatch.setenv("ATTIO_COMPANY_SLUG__POLAR_COUNT", "customers")
    with pytest.raises(ValidationError, match="no attribute of companies is called polar_count, the nearest one is"):
        Settings()


def test_the_deny_list_is_of_domains_in_any_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_COMPANY_DENY", "Acme.com, b\u00fccher.de")
    assert Settings().company_deny() == {"acme.com", "xn--bcher-kva.de"}

    monkeypatch.setenv("POLAR_ATTIO_COMPANY_DENY", "*.acme.com")
    with pytest.raises(ValidationError, match="write domains, such as"):
        Settings()


@pytest.mark.parametrize("given", ["", "  "])
def test_a_database_url_that_is_blank_is_the_default(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", given)

    assert Settings().polar_attio_database_url.get_secret_value() == ".state/polar_attio.db"


def test_the_password_of_the_database_is_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", "postgresql://polar:hunter2@db.example/ledger")

    assert "hunter2" not in f"{Settings()!r} {Settings()} {Settings().model_dump()} {Settings().model_dump_json()}"


@pytest.mark.parametrize("given", ["EUR", "eur", " jpy "])
def test_a_currency_is_a_code_of_iso_4217(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("POLAR_ATTIO_CURRENCY", given)

    assert Settings().polar_attio_currency == given.strip().upper()


@pytest.mark.parametrize("given", ["EURO", "NTD", "XXX", "XAU", "12", ""])
def test_a_currency_in_which_nobody_is_paid_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("POLAR_ATTIO_CURRENCY", given)

    with pytest.raises(ValidationError, match="write the code of a currency of ISO 4217"):
        Settings()


SERVICE_LINKS = (
    "POLAR_ATTIO_SERVICE_HOST",
    "POLAR_ATTIO_SERVICE_PORT",
    "POLAR_ATTIO_SERVICE_PORT_HTTP",
    "POLAR_ATTIO_PORT",
    "POLAR_ATTIO_PORT_3030_TCP",
    "POLAR_ATTIO_PORT_3030_TCP_ADDR",
    "ATTIO_DAGSTER_WEBSERVER_PORT_80_TCP_PROTO",
)


def test_what_kubernetes_sets_for_services_whose_names_begin_like_ours_is_no_mistyped_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    for name in SERVICE_LINKS:
        monkeypatch.setenv(name, "tcp://10.0.0.2:3030")

    assert not Settings().polar_access_token.get_secret_value()

    monkeypatch.setenv("POLAR_ATTIO_OVERLAP_HOUR", "7")
    with pytest.raises(SettingsError, match=r"^POLAR_ATTIO_OVERLAP_HOUR in the environment is no setting"):
        Settings()


def test_outside_of_kubernetes_such_a_name_is_refused_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("POLAR_ATTIO_SERVICE_HOST", "10.0.0.2")

    with pytest.raises(SettingsError, match="POLAR_ATTIO_SERVICE_HOST in the environment is no setting"):
        Settings()


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes("POLAR_ORGANIZATION_SLUG=café".encode("latin-1"))

    with pytest.raises(SettingsError, match=re.escape(f"the file .env in {tmp_path} cannot be read (it is no text")):
        Settings()
