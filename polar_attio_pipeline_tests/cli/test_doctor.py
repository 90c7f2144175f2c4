import os
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import dagster
import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.cli.checks.channels import channels
from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.polar_scopes import SCOPES, Scope
from polar_attio_pipeline.cli.doctor import examine
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.version import __version__
from polar_attio_pipeline_tests.attributes import add_attributes

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox(scale=OFF)
    add_attributes(sandbox.attio)
    return sandbox


def settings(tmp_path: Path, **changes: Any) -> Settings:
    given = {
        "polar_access_token": SecretStr(POLAR_TOKEN),
        "attio_api_key": SecretStr(ATTIO_TOKEN),
        "polar_attio_start_date": date(2026, 11, 1),
        "polar_attio_database_url": SecretStr(str(tmp_path / "state" / "ledger.db")),
        "polar_requests_per_minute": 1_000_000,
    }
    return Settings(**{"_env_file": None, **given, **changes})


async def findings(sandbox: Sandbox, wanted: Settings) -> dict[str, Finding]:
    transport = httpx.ASGITransport(create_app(sandbox))
    found = await examine(wanted, now=NOW, polar_transport=transport, attio_transport=transport)
    return {finding.subject: finding for finding in found}


async def test_when_all_is_well_every_finding_is_ok(sandbox: Sandbox, tmp_path: Path) -> None:
    found = await findings(sandbox, settings(tmp_path))

    assert {finding.level for finding in found.values()} == {Level.OK}
    assert set(found) == {
        "version",
        "Polar token",
        "Polar subscriptions",
        "Polar orders",
        "Polar events",
        "Polar members",
        "Polar links",
        "Polar clock",
        "Attio key",
        "Attio fields",
        "Attio clock",
        "start date",
        "ledger",
        "alerts",
    }


async def test_the_versions_that_a_report_of_a_problem_needs_come_first(sandbox: Sandbox, tmp_path: Path) -> None:
    transport = httpx.ASGITransport(create_app(sandbox))
    first, *_ = await examine(settings(tmp_path), now=NOW, polar_transport=transport, attio_transport=transport)

    assert first.subject == "version"
    assert first.text.startswith(f"{__version__}, Dagster {dagster.__version__}, Python 3.")


async def test_both_services_are_judged_even_when_both_are_wrong(sandbox: Sandbox, tmp_path: Path) -> None:
    unset = settings(tmp_path, polar_access_token=SecretStr(""), attio_api_key=SecretStr(" "))

    found = await findings(sandbox, unset)

    assert found["Polar token"].level is found["Attio key"].level is Level.FAIL
    assert "POLAR_ACCESS_TOKEN is not set" in found["Polar token"].text
    assert "ATTIO_API_KEY is not set" in found["Attio key"].text
    assert found["ledger"].level is Level.OK


async def test_tokens_that_are_not_accepted_are_said_to_be_so_and_never_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = settings(tmp_path, polar_access_token=SecretStr("polar_oat_wrong"), attio_api_key=SecretStr("f" * 64))

    found = await findings(sandbox, wrong)

    assert found["Polar"].level is found["Attio"].level is Level.FAIL
    assert "POLAR_ACCESS_TOKEN" in found["Polar"].text
    assert "ATTIO_API_KEY" in found["Attio"].text
    assert not any("polar_oat_wrong" in one.text or "f" * 64 in one.text for one in found.values())


async def test_a_newest_customer_that_polar_cannot_show_is_not_taken_for_an_outage(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.polar.add_customer(email=None)

    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar token"].level is Level.OK
    assert "Polar" not in found


async def test_a_polar_token_that_may_not_read_customers_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"orders:read"})

    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar"].level is Level.FAIL
    assert "customers:read" in found["Polar"].text


async def test_scopes_that_only_improve_the_result_are_warnings(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"customers:read"})

    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar token"].level is Level.OK
    assert {found[scope.subject].level for scope in SCOPES} == {Level.WARN}
    assert "POLAR_ORGANIZATION_SLUG" in found["Polar links"].text


@pytest.mark.parametrize(
    "lacking",
    [*((scope,) for scope in SCOPES), *combinations(SCOPES, 2)],
    ids=lambda scopes: "+".join(scope.name for scope in scopes),
)
async def test_each_scope_that_is_missing_is_named_with_what_is_off_and_the_others_are_well(
    sandbox: Sandbox, tmp_path: Path, lacking: tuple[Scope, ...]
) -> None:
    token = sandbox.polar.tokens[POLAR_TOKEN]
    token.scopes -= {name for scope in lacking for name in (scope.name, scope.name.replace(":read", ":write"))}

    found = await findings(sandbox, settings(tmp_path))

    for scope in lacking:
        assert found[scope.subject].level is Level.WARN
        assert f"lacks {scope.name}" in found[scope.subject].text
        assert scope.without in found[scope.subject].text
    assert {found[scope.subject].level for scope in SCOPES if scope not in lacking} == {Level.OK}
    assert found["Polar token"].level is Level.OK


async def test_a_scope_that_is_there_says_what_it_costs(sandbox: Sandbox, tmp_path: Path) -> None:
    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar orders"].text.startswith("The token has orders:read.")
    assert "request" in found["Polar orders"].text


async def test_a_list_that_fails_is_a_warning_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path="/v1/events/", status=500))

    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar events"].level is Level.WARN
    assert "500" in found["Polar events"].text
    assert found["Polar subscriptions"].level is found["Polar token"].level is Level.OK


async def test_a_slug_in_the_settings_makes_the_scope_for_it_needless(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"customers:read"})

    found = await findings(sandbox, settings(tmp_path, polar_organization_slug="acme"))

    assert "Polar links" not in found


async def test_missing_scopes_in_attio_fail(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.attio.tokens[ATTIO_TOKEN].scopes = frozenset({"record_permission:read", "object_configuration:read"})

    found = await findings(sandbox, settings(tmp_path))

    assert found["Attio set-up"].level is Level.FAIL
    assert "record_permission:read-write" in found["Attio set-up"].text


async def test_every_attribute_that_is_not_as_it_should_be_is_listed(tmp_path: Path) -> None:
    bare = Sandbox(scale=OFF)
    bare.attio.add_attribute("polar_country", "number")
    transport = httpx.ASGITransport(create_app(bare))

    found = await examine(settings(tmp_path), now=NOW, polar_transport=transport, attio_transport=transport)

    about = [(finding.level, finding.text.partition(":")[0]) for finding in found if finding.subject == "Attio set-up"]
    assert about == [
        (Level.FAIL, "Attio has no People attribute polar_customer"),
        (Level.FAIL, "Attio has no People attribute polar_customer_id"),
        (Level.WARN, "Attio's People attribute polar_country is of type number, not text"),
    ]


async def test_fields_that_the_workspace_lacks_are_told_without_a_warning(sandbox: Sandbox, tmp_path: Path) -> None:
    slugs = {attribute.slug: attribute for attribute in sandbox.attio.people_type.attributes}
    sandbox.attio.people_type.attributes.remove(slugs["polar_country"])

    found = await findings(sandbox, settings(tmp_path))

    assert found["Attio fields"].level is Level.OK
    assert found["Attio fields"].text.endswith("can be written; not polar_country.")


@pytest.mark.parametrize(("minutes", "way"), [(7, "behind"), (-7, "ahead of")])
async def test_a_clock_that_is_off_is_a_warning(sandbox: Sandbox, tmp_path: Path, minutes: int, way: str) -> None:
    sandbox.faults.add(Fault(kind=Kind.CLOCK_SKEW, service="attio", skew_minutes=minutes))

    found = await findings(sandbox, settings(tmp_path))

    assert found["Polar clock"].level is Level.OK
    assert found["Attio clock"].level is Level.WARN
    assert f"{way} Attio" in found["Attio clock"].text


async def test_a_service_that_cannot_be_reached_is_named_with_its_setting(sandbox: Sandbox, tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    found = {
        finding.subject: finding
        for finding in await examine(
            settings(tmp_path),
            now=NOW,
            polar_transport=httpx.ASGITransport(create_app(sandbox)),
            attio_transport=httpx.MockTransport(refuse),
        )
    }

    assert found["Polar token"].level is Level.OK
    assert found["Attio"].level is Level.FAIL
    assert "ATTIO_API_URL" in found["Attio"].text


async def test_an_address_that_is_no_address_is_named_with_its_setting(sandbox: Sandbox, tmp_path: Path) -> None:
    unchecked = settings(tmp_path).model_copy(update={"polar_api_url": "api.polar.sh", "attio_api_url": "https://"})

    found = await findings(sandbox, unchecked)

    assert "POLAR_API_URL" in found["Polar"].text
    assert "ATTIO_API_URL" in found["Attio"].text


async def test_nothing_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    await findings(sandbox, settings(tmp_path))

    assert sandbox.traffic.count(kind="write") == 0
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # a look at the end of a test


def test_an_alert_address_that_nothing_understands_is_found_before_it_is_needed() -> None:
    finding = channels(["json://127.0.0.1/", "nonsense://secret"])
    assert finding.level is Level.FAIL
    assert "Address 2 of POLAR_ATTIO_ALERT_URLS" in finding.text
    assert "secret" not in finding.text


async def test_an_api_version_that_was_not_tested_is_a_warning(sandbox: Sandbox, tmp_path: Path) -> None:
    found = await findings(sandbox, settings(tmp_path, polar_api_version="2031-07"))

    # The sandbox does not serve it either.
    assert "POLAR_API_VERSION" in found["Polar"].text
    assert found["Polar version"].level is Level.WARN


async def test_attributes_that_a_setting_maps_are_listed_and_one_that_is_missing_is_a_warning(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    mapped = '{"plan_tier": {"from": "metadata.tier"}, "seats": {"from": "metadata.seats", "type": "number"}}'
    sandbox.attio.add_attribute("plan_tier", "number")

    found = await examine(
        settings(tmp_path, polar_attio_attributes=mapped),
        now=NOW,
        polar_transport=httpx.ASGITransport(create_app(sandbox)),
        attio_transport=httpx.ASGITransport(create_app(sandbox)),
    )

    assert [one.text for one in found if one.subject == "Attio mapped"] == [
        "By setting: plan_tier from metadata.tier (text, unless typed by a person); "
        "seats from metadata.seats (number, unless typed by a person)."
    ]
    assert [(one.level, one.text) for one in found if one.subject == "Attio set-up"] == [
        (
            Level.WARN,
            "Attio's People attribute plan_tier is of type number, not text: in POLAR_ATTIO_ATTRIBUTES, give plan_tier "
            "another slug, which `polar-attio setup` then creates.",
        ),
        (
            Level.WARN,
            "Attio has no People attribute seats: run `polar-attio setup`, or in POLAR_ATTIO_ATTRIBUTES, give seats "
            "the slug that it has.",
        ),
    ]
