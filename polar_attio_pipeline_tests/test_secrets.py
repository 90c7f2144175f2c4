"""Tokens are nowhere, people are in Attio and in the ledger alone: in runs that meet every kind of error."""

import logging

import dagster as dg
import pytest
from dagster._serdes import serialize_value
from pydantic import SecretStr

from polar_attio_pipeline.cli import plan
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline_tests.conftest import IMPATIENT, Pipeline
from polar_attio_pipeline_tests.security.trail import Trail

WRONG_POLAR_TOKEN = "polar_oat_wrong" + "w" * 38
WRONG_ATTIO_KEY = "bad0" * 16
TOKENS = (POLAR_TOKEN, ATTIO_TOKEN, WRONG_POLAR_TOKEN, WRONG_ATTIO_KEY)
PERSONAL = ("zaphod", "quisling", "secret-domain", "beeblebrox", "refusenik", "betelgeuse")

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def trail(
    pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Trail:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(plan, "PATIENT", IMPATIENT)
    monkeypatch.setenv("POLAR_API_URL", pipeline.settings.polar_api_url)
    monkeypatch.setenv("ATTIO_API_URL", pipeline.settings.attio_api_url)
    pipeline.add("zaphod", name="Zaphod Beeblebrox")
    pipeline.add("Mixed.Quisling+Tag", email="Mixed.Quisling+Tag@Secret-Domain.com", name="Vidkun Quisling")
    pipeline.add("refusenik", email="refusenik@betelgeuse.test", name="Refusenik Betelgeuse")
    pipeline.add("twin", email="quisling.team@secret-domain.com", name="Quisling Twin")
    pipeline.sandbox.attio.add_person(emails=["quisling.team@secret-domain.com"], name="Quisling One")
    return Trail(pipeline, caplog, capfd)


def assert_clean(trail: Trail) -> None:
    text = trail.text().lower()
    assert "attio" in text, "there is something to look through"
    assert [token for token in TOKENS if token in text] == []
    assert [word for word in PERSONAL if word in text] == []


def everything(trail: Trail) -> None:
    for job in ("customer_sync", "full_reconciliation"):
        trail.run(job)
    for command in ("setup", "doctor"):
        trail.command(command)


def test_runs_that_succeed_and_a_refused_record_leave_no_trace_of_people_or_tokens(trail: Trail) -> None:
    everything(trail)

    assert trail.pipeline.hour()["rejected"] == 1
    assert_clean(trail)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Kind.STATUS, service="polar", status=500),
        Fault(kind=Kind.TOO_MANY, retry_after_seconds=0),
        Fault(kind=Kind.STATUS, service="attio", method="POST", path="*/records*", status=503),
        Fault(kind=Kind.LOST_ANSWER, service="attio", path="*/records*"),
        Fault(kind=Kind.CUT_BODY, path="/v*"),
        Fault(kind=Kind.RESET, service="attio"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.service or 'both'}",
)
def test_services_that_fail_leave_none_either(trail: Trail, fault: Fault) -> None:
    trail.pipeline.sandbox.faults.add(fault)

    everything(trail)

    assert_clean(trail)


def test_tokens_that_are_not_accepted_are_not_repeated(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", WRONG_POLAR_TOKEN)
    trail.pipeline.configure(polar_access_token=SecretStr(WRONG_POLAR_TOKEN))
    everything(trail)
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", POLAR_TOKEN)
    monkeypatch.setenv("ATTIO_API_KEY", WRONG_ATTIO_KEY)
    trail.pipeline.configure(polar_access_token=SecretStr(POLAR_TOKEN), attio_api_key=SecretStr(WRONG_ATTIO_KEY))
    everything(trail)

    assert_clean(trail)


def test_scopes_that_are_missing_and_a_plan_that_is_full_are_told_without_names(trail: Trail) -> None:
    trail.pipeline.sandbox.attio.plan_limit_records = 1
    everything(trail)
    trail.pipeline.sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"orders:read"})
    everything(trail)

    assert_clean(trail)


def test_a_check_names_nobody(trail: Trail) -> None:
    trail.run("customer_sync")

    (check,) = trail.pipeline.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("attio_people"), "every_customer_is_in_attio"), limit=1
    )
    assert check.event is not None
    assert "refused_by_attio" in serialize_value(check.event)
    assert_clean(trail)


def test_the_preview_shows_values_as_it_says_and_still_no_token(trail: Trail) -> None:
    trail.run("preview")
    shown = trail.command("plan")

    text = trail.text().lower()
    assert "zaphod" in shown.lower()
    assert "beeblebrox" in text
    assert [token for token in TOKENS if token in text] == []
