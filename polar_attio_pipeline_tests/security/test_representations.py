"""Secrets of every kind in nothing that shows a setting, a resource, a ledger's address or an error."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.http.redaction import hidden, redact, without_tokens
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.passes.loaded import differences, parse, with_this_process
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.security.odd import ODD, PRINTABLE, SECRETS, leaks, secret

NAMES = sorted(name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
URLS = (
    "postgresql://polar:{}@db.example:5432/ledger",
    "postgres://{}@db.example/ledger",
    "postgresql+psycopg://polar:{}@db.example/ledger?sslmode=require",
    "postgresql://db.example/ledger?user=polar&password={}",
    "postgresql:/polar:{}@db.example/ledger",
    "postgresql//polar:{}@db.example/ledger",
    "polar:{}@db.example/ledger",
    "mysql://polar:{}@db.example/ledger",
    "sqlite://polar:{}@/ledger.db",
    "{}://polar@db.example/ledger",
    "slack://{}/{}",
)

pytestmark = pytest.mark.usefixtures("clean_environment")
FUZZED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def shown(found: Settings) -> list[str]:
    """Every way in which settings turn into text."""
    return [
        repr(found),
        str(found),
        f"{found.model_dump()}",
        found.model_dump_json(),
        json.dumps(found.shown()),
        repr(list(found)),
    ]


def test_every_secret_is_fuzzed() -> None:
    known = {"ATTIO_API_KEY", "POLAR_ACCESS_TOKEN", "POLAR_ATTIO_ALERT_URLS", "POLAR_ATTIO_DATABASE_URL"}

    assert known <= set(NAMES) == set(Settings().secrets())


@FUZZED
@given(name=st.sampled_from(NAMES), value=SECRETS)
def test_no_representation_of_the_settings_holds_a_secret(name: str, value: str) -> None:
    found = Settings.model_validate({name.lower(): value})

    for text in shown(found):
        assert leaks(text, value) == []


def test_what_the_ledger_keeps_of_settings_that_were_loaded_tells_a_change_and_no_secret() -> None:
    value = secret("'\\n%")
    found = Settings.model_validate({name.lower(): value for name in NAMES})

    kept = with_this_process(None, found, datetime(2026, 11, 20, tzinfo=UTC))

    assert leaks(kept, value) == []
    assert sorted(differences(parse(kept)[0], Settings())) == NAMES


@FUZZED
@given(value=SECRETS, name=st.sampled_from(sorted(set(Settings.model_fields) - {"polar_attio_hourly_minute"})))
def test_no_error_of_the_settings_holds_a_value(name: str, value: str) -> None:
    """Neither of the setting that is wrong, into which somebody may have put a token, nor of the others."""
    secrets = {one.lower(): value for one in NAMES}

    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({**secrets, name: value, "polar_attio_hourly_minute": 99})

    assert leaks(f"{refused.value} {refused.value!r}", value) == []


@FUZZED
@given(url=st.sampled_from(URLS), value=SECRETS)
@example(url=URLS[0], value=secret("@"))
@example(url=URLS[0], value=secret("/"))
@example(url=URLS[4], value=secret(""))
def test_the_name_of_a_ledger_and_its_errors_hold_no_part_of_a_password(url: str, value: str) -> None:
    typed = url.format(*[value] * 2)
    try:
        place = locate(typed)
        told = f"{place!r} {place.name} {Ledger(typed)!r} {Ledger(typed).name}"
    except LedgerError as error:
        told = f"{error} {error!r} {error.__cause__!r} {error.__suppress_context__ or error.__context__!r}"

    assert leaks(told, value) == []


@FUZZED
@given(before=st.text(max_size=5), value=SECRETS, after=st.text(max_size=5))
def test_a_secret_that_is_in_use_is_taken_out_of_texts_in_each_form(before: str, value: str, after: str) -> None:
    forms = (
        f"{before} {value} {after}",
        json.dumps([before, value, after]),
        repr([before, value]),
        repr(value.encode()),
        quote(f"{before}{value}"),
    )

    with hidden(value), hidden("another"):
        assert [leaks(redact(form)) for form in forms] == [[]] * len(forms)

    assert leaks(without_tokens(value)) != [], "it is forgotten when nothing uses it any more"


@FUZZED
@given(value=PRINTABLE)
def test_what_a_header_carries_is_found_in_texts_inside_other_texts_too(value: str) -> None:
    forms = (repr(repr(value.encode())), json.dumps(repr([value])), repr(json.dumps({"'": value})))

    with hidden(value):
        assert [leaks(redact(form)) for form in forms] == [[]] * len(forms)


def test_a_secret_that_two_clients_use_is_hidden_until_both_are_done() -> None:
    value = secret("")
    with hidden(value):
        with hidden(value):
            pass
        assert redact(value) == "<token>"


@pytest.mark.parametrize("odd", ["'", "@", "\n"])
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_what_dagster_keeps_of_the_definitions_holds_no_secret(odd: str) -> None:
    value = secret(odd)
    given: dict[str, Any] = {name.lower(): SecretStr(value) for name in NAMES}
    given["polar_attio_database_url"] = SecretStr(f"postgresql://polar:{value}@db.example/ledger")
    built = build(Settings(polar_attio_start_date=datetime(2026, 11, 1, tzinfo=UTC).date(), **given))

    kept = serialize_value(RepositorySnap.from_def(built.get_repository_def()))
    resources = {name: f"{one!r} {one}" for name, one in (built.resources or {}).items()}

    assert isinstance(built, dg.Definitions)
    assert "requests_per_minute" in kept
    assert leaks(kept, value) == []
    assert leaks(str(resources), value) == []


def test_each_odd_character_is_tried() -> None:
    assert len(set(ODD)) == len(ODD)
