import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.version import __version__
from polar_attio_pipeline_tests.receiver import receiving

OURS = sum(not attribute.standard for attribute in ATTRIBUTES)
OPTIONS = sum(len(attribute.options) for attribute in ATTRIBUTES)
HEAVY = {"dagster", "pandas", "alembic", "opentelemetry", "polar_attio_pipeline.sandbox"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(scale=OFF)


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with serving(sandbox) as url:
        yield url


@pytest.fixture(autouse=True)
def environment(clean_environment: None) -> None:
    """Every test makes its own."""


@pytest.fixture
def configured(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
        "POLAR_API_URL": url,
        "ATTIO_API_KEY": ATTIO_TOKEN,
        "ATTIO_API_URL": url,
        "POLAR_ATTIO_START_DATE": "2026-11-01",
        "POLAR_REQUESTS_PER_MINUTE": "100000",
        "ATTIO_WRITES_PER_SECOND": "1000",
    }.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_version_is_printed_alone() -> None:
    shown = run("--version")

    assert (shown.exit_code, shown.output) == (0, f"polar-attio-pipeline {__version__}\n")


def test_setting_up_then_asking_the_doctor_finds_a_healthy_sync(configured: None) -> None:
    before = run("doctor")
    setup = run("setup")
    after = run("doctor")

    assert before.exit_code == 1
    assert "`polar-attio setup`" in " ".join(before.output.split())
    assert setup.exit_code == 0
    assert setup.output.count("created") == OURS + OPTIONS
    assert "polar_status, option Past due" in setup.output
    assert after.exit_code == 0
    assert not re.search("^FAIL", after.output, re.MULTILINE)


def test_setting_up_again_says_that_all_is_there(configured: None) -> None:
    run("setup")

    again = run("setup")

    assert again.exit_code == 0
    assert again.output.count("present") == OURS
    assert "option" not in again.output


def test_the_currency_of_new_attributes_is_a_setting(
    configured: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ATTIO_CURRENCY", "eur")

    run("setup")

    assert sandbox.attio.people_type.attribute("polar_mrr").currency_code == "EUR"


def test_attributes_of_companies_are_set_up_and_looked_at_where_the_setting_is_on(
    configured: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("setup")
    assert sandbox.attio.companies_type.find("polar_mrr") is None
    monkeypatch.setenv("POLAR_ATTIO_COMPANIES", "true")
    monkeypatch.setenv("POLAR_ATTIO_CURRENCY", "eur")

    before, setup, after = run("doctor"), run("setup"), run("doctor")

    assert before.exit_code == 1
    assert "Attio has no Companies attribute polar_customer" in " ".join(before.output.split())
    assert setup.exit_code == 0
    assert re.search("created +companies: polar_customer_count", setup.output)
    assert sandbox.attio.companies_type.attribute("polar_mrr").currency_code == "EUR"
    assert after.exit_code == 0
    assert "3 of 3 can be written." in after.output
    assert "polar_mrr of companies needs subscriptions:read" in " ".join(after.output.split())


def test_a_missing_option_is_a_warning_that_setting_up_ends(configured: None, sandbox: Sandbox) -> None:
    run("setup")
    sandbox.attio.archive_option("polar_status", "Paused")

    before, setup, after = run("doctor"), run("setup"), run("doctor")

    assert "polar_status has no option Paused: run `polar-attio setup`" in " ".join(before.output.split())
    assert "restored" in setup.output
    assert "no option" not in after.output


def test_an_attribute_that_cannot_be_created_fails_the_command_with_what_to_do(
    configured: None, sandbox: Sandbox
) -> None:
    sandbox.attio.add_attribute("polar_customer", "text")

    setup = run("setup")

    assert setup.exit_code == 1
    assert "ATTIO_SLUG__POLAR_CUSTOMER" in setup.output


def test_output_fits_eighty_columns_and_has_no_colour_where_there_is_no_terminal(configured: None) -> None:
    output = run("doctor").output + run("setup").output

    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output


def test_a_failure_is_one_sentence_on_stderr_without_a_traceback_or_the_key(configured: None, sandbox: Sandbox) -> None:
    sandbox.attio.tokens[ATTIO_TOKEN].active = False

    failed = run("setup")

    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("Attio knows no active key like ATTIO_API_KEY")
    assert failed.stderr.count("\n") == 1
    assert ATTIO_TOKEN not in failed.output


@pytest.mark.parametrize(
    ("command", "missing"),
    [(["setup"], "ATTIO_API_KEY is"), (["plan"], "POLAR_ACCESS_TOKEN and ATTIO_API_KEY are")],
)
def test_without_its_tokens_a_command_names_them_and_says_where_it_looked(
    tmp_path: Path, command: list[str], missing: str
) -> None:
    failed = run(*command)

    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert failed.stderr == (
        f"{missing} not set: the environment has no value for it, and there is no file {tmp_path}/.env; "
        "`polar-attio init` writes one: fill it in.\n"
    )


def test_a_file_that_does_not_hold_the_token_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ATTIO_API_KEY=\n")

    failed = run("setup")

    assert failed.exit_code == 1
    assert f"neither the environment nor {tmp_path}/.env has a value for it" in failed.stderr


def test_doctor_names_missing_tokens_and_where_it_looked_and_lists_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("POLAR_ATTIO_OVERLAP_HOURS", "7")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", " ")

    found = run("doctor")

    assert found.exit_code == 1
    assert (
        f"POLAR_ACCESS_TOKEN is not set: the environment has no value for it, and there is no file {tmp_path}/.env"
    ) in found.output
    listed = [" ".join(line.split()) for line in found.output.partition("Settings in force:")[2].splitlines()]
    assert "ATTIO_API_KEY not set default" in listed
    assert "POLAR_ATTIO_OVERLAP_HOURS 7" in listed
    assert "POLAR_ATTIO_RECONCILIATION_CRON default" in listed


def test_doctor_lists_no_secret(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_ALERT_URLS", "json://me:hunter2@127.0.0.1/")

    output = run("doctor").output

    assert "POLAR_ATTIO_ALERT_URLS" in output
    assert not [secret for secret in ("hunter2", POLAR_TOKEN, ATTIO_TOKEN) if secret in output]


@pytest.mark.parametrize("command", [["setup"], ["doctor"], ["plan"], ["approve", "organization"], ["alerts", "test"]])
def test_a_mistyped_name_of_a_setting_ends_every_command_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("POLAR_ATTIO_OVERLAP_HOUR", "7")

    failed = run(*command)

    assert failed.exit_code == 1
    assert failed.stderr == (
        "A setting is not usable: POLAR_ATTIO_OVERLAP_HOUR in the environment is no setting, the nearest one is "
        "POLAR_ATTIO_OVERLAP_HOURS.\n"
    )


@pytest.mark.parametrize("command", ["setup", "doctor"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATTIO_READS_PER_SECOND", "-1"),
        ("POLAR_ATTIO_START_DATE", "soon"),
        ("ATTIO_SLUG__NO_SUCH_ATTRIBUTE", "x"),
        ("ATTIO_SLUG", "{not json"),
        ("POLAR_ATTIO_RECONCILIATION_CRON", "35 24 * * *"),
    ],
)
def test_a_setting_that_does_not_parse_is_named_in_one_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    failed = run(command)

    assert failed.exit_code == 1
    assert failed.stderr.startswith("A setting is not usable: ")
    assert name.partition("__")[0].lower() in failed.stderr.lower()
    assert failed.stderr.count("\n") == 1
    assert "Traceback" not in failed.output
    assert f"{value!r}" not in failed.stderr


def test_the_commands_are_listed_with_what_they_do() -> None:
    listed = run("--help")

    assert listed.exit_code == 0
    assert "setup" in listed.output
    assert "doctor" in listed.output


def test_the_command_starts_without_what_it_does_not_need() -> None:
    program = f"import sys, polar_attio_pipeline.cli.app; print(sorted({HEAVY!r} & sys.modules.keys()))"

    started = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert started.stdout.strip() == "[]"


def test_a_test_notice_goes_to_each_channel_and_it_is_said_which_took_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as good, receiving() as bad:
        bad.status = 500
        addresses = f"{good.url} {bad.url}?token=s3cr3t s3cr3t://nonsense"
        monkeypatch.setenv("POLAR_ATTIO_ALERT_URLS", addresses)

        result = run("alerts", "test")

    assert [message["title"] for message in good.received] == ["Polar to Attio: test"]
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "1 (json): taken",
        "2 (json): not taken: look at the channel's address, and whether this machine reaches it",
        "3: apprise does not know such an address: see https://appriseit.com for how yours is written",
    ]


def test_when_every_channel_took_the_test_notice_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as channel:
        monkeypatch.setenv("POLAR_ATTIO_ALERT_URLS", channel.url)

        assert run("alerts", "test").exit_code == 0


def test_without_a_channel_the_test_says_what_to_set() -> None:
    result = run("alerts", "test")

    assert result.exit_code == 1
    assert "No channel is set: write its address into POLAR_ATTIO_ALERT_URLS" in result.output
