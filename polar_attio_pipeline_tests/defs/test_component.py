"""The component of a Dagster project: what a defs.yaml gives it, and what is said of one that does not do."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from dagster.components.testing import create_defs_folder_sandbox
from jsonschema import Draft202012Validator

import polar_attio_pipeline
from polar_attio_pipeline.defs.component import PolarAttioComponent
from polar_attio_pipeline.defs.component_settings import DATABASE, KNOWN, GivenSettings, schema, settings_of
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline_tests.defs.components import OF_DAGSTER, TYPE, defs_yaml, loaded, refusal
from polar_attio_pipeline_tests.defs.two_pipelines import organization, some_hours_ago

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

pytestmark = [pytest.mark.usefixtures("clean_environment"), *OF_DAGSTER]


def test_dagster_finds_it_by_its_short_name() -> None:
    assert polar_attio_pipeline.PolarAttioComponent is PolarAttioComponent
    assert "PolarAttioComponent" in dir(polar_attio_pipeline)
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = polar_attio_pipeline.Nonsense


def test_the_settings_come_from_its_file_and_variables_only_where_the_file_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "t1")
    monkeypatch.setenv("ATTIO_API_KEY", "of the host")
    monkeypatch.setenv("POLAR_ATTIO_WHO", "pays-now")
    monkeypatch.setenv("POLAR_ATTIO_NONSENSE", "1")
    Path(".env").write_text("POLAR_ATTIO_CURRENCY=EUR\nPOLAR_ATTIO_MORE_NONSENSE=1\n")

    with loaded(defs_yaml("polar_access_token: '{{ env.ACME_TOKEN }}'")) as (component, _):
        settings = component.settings

    assert settings.polar_access_token.get_secret_value() == "t1"
    assert settings.attio_api_key.get_secret_value() == ""
    assert settings.polar_attio_who is Audience.EVERYBODY
    assert settings.polar_attio_currency == "USD"
    assert settings.polar_attio_database_url.get_secret_value().endswith("/acme.db")


def test_it_takes_every_setting_by_its_name() -> None:
    assert (
        set(schema()["properties"])
        == set(KNOWN)
        == Settings.model_fields.keys()
        - {
            "polar_attio_owners",
            "polar_attio_ignore_names",
        }
    )


@pytest.mark.parametrize("name", [name for name in KNOWN if name != DATABASE])
def test_the_default_of_each_setting_can_be_written_down(name: str) -> None:
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    plain = default.get_secret_value() if hasattr(default, "get_secret_value") else default
    block = {DATABASE: "a.db", name: "" if plain is None else plain}

    Draft202012Validator(schema()).validate(block)

    assert settings_of(block) == GivenSettings(polar_attio_database_url="a.db")


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ("polar_organization_slug: 42", "polar_organization_slug", "42"),
        ("polar_attio_company_deny: [a.com, b.com]", "polar_attio_company_deny", "a.com b.com"),
        (
            "polar_attio_attributes: {plan_tier: {from: metadata.tier}}",
            "polar_attio_attributes",
            '{"plan_tier": {"from": "metadata.tier"}}',
        ),
        ("attio_slug: {polar_customer: is_customer}", "attio_slug", {"polar_customer": "is_customer"}),
        ('polar_attio_sensor_seconds: \'{{ env("NO", "45") }}\'', "polar_attio_sensor_seconds", 45),
        ("polar_attio_reconciliation_cron: 5 6 * * *", "polar_attio_reconciliation_cron", "5 6 * * *"),
        ("polar_attio_companies: true", "polar_attio_companies", True),
    ],
)
def test_values_may_be_written_as_yaml_has_them(written: str, name: str, value: Any) -> None:
    with loaded(defs_yaml(written)) as (component, _):
        assert getattr(component.settings, name) == value


@pytest.mark.parametrize(
    ("settings", "attributes", "said"),
    [
        ("polar_attio_wo: everybody", "", "5 - attributes.settings.polar_attio_wo: this is no setting, the nearest "),
        ("xyz: 1", "", "5 - attributes.settings.xyz: this is no setting, there are polar_access_token, "),
        ("polar_attio_who: all", "", "5 - attributes.settings.polar_attio_who: Input should be 'everybody', "),
        ("polar_attio_hourly_minute: 99", "", "5 - attributes.settings.polar_attio_hourly_minute: Input should be "),
        ("polar_attio_reconciliation_cron: daily", "", "5 - attributes.settings.polar_attio_reconciliation_cron: "),
        ("attio_slug: {polar_custmer: x}", "", "5 - attributes.settings.attio_slug: no attribute is called "),
        ("polar_attio_start_date: soon", "", "5 - attributes.settings.polar_attio_start_date: Input should be "),
        (
            "polar_api_url: '{{ env.NOT_SET }}'",
            "",
            "5 - attributes.settings.polar_api_url: it is empty: set the environment variable that it names.",
        ),
        ("polar_attio_owners: team:a", "", "5 - attributes.settings.polar_attio_owners: it has no place in a "),
        ("", "setings: {}", "5 - attributes.setings: there is no such key, the nearest one is settings; "),
        ("", "prefix: ac-me", "5 - attributes.prefix: The prefix 'ac-me' does not do: begin with a letter"),
        ("", "group: a b", '5 - attributes.group: "a b" is not a valid asset group name'),
        ("", "tags: {team: a b}", "5 - attributes.tags: Invalid tag value: a b, for key: team"),
        ("", "owners: [Ada]", "5 - attributes.owners: Invalid owner 'Ada'"),
        ("", "tags: {team: 1}", "attributes.tags.team at "),
    ],
)
def test_what_does_not_do_is_named_with_line_and_key_and_what_to_do(settings: str, attributes: str, said: str) -> None:
    refused = refusal(defs_yaml(settings, attributes))

    assert said in refused
    assert "/acme/defs.yaml:5" in refused


def test_everything_that_is_wrong_is_said_at_once() -> None:
    refused = refusal(defs_yaml("polar_attio_who: all\npolar_attio_hourly_minute: 99", "group: a b"))

    for line, key in (("5", "settings.polar_attio_who"), ("6", "settings.polar_attio_hourly_minute"), ("7", "group")):
        assert f"defs.yaml:{line} - attributes.{key}: " in refused


@pytest.mark.parametrize("ledger", ["", "polar_attio_database_url: ''"])
def test_a_ledger_has_to_be_named_so_that_two_components_do_not_share_one(ledger: str) -> None:
    refused = refusal(defs_yaml("polar_attio_who: everybody", ledger=ledger))

    assert "attributes.settings.polar_attio_database_url: it is missing: each component needs a ledger" in refused


def test_without_settings_it_says_where_to_write_them() -> None:
    refused = refusal(f"type: {TYPE}\nattributes:\n  prefix: acme\n")

    assert "defs.yaml:2 - attributes.settings: write one setting a line below it" in refused


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [
        (f"polar_access_token: {POLAR_TOKEN}", ""),
        (f"attio_api_key: '{ATTIO_TOKEN}'", ""),
        ("attio_api_key: s3cr3t-of-any-form", ""),
        (f"polar_acess_token: {POLAR_TOKEN}", ""),
        (f"polar_organization_slug: {POLAR_TOKEN}", ""),
        (f"polar_organization_slug: 'x {{{{ env.A }}}} {POLAR_TOKEN}'", ""),
        ("polar_attio_database_url: postgresql://polar:s3cr3t@db.example/ledger", ""),
        ("polar_attio_alert_urls: [slack://s3cr3t]", ""),
        ("", f"polar_access_token: {POLAR_TOKEN}"),
        ("", f"tags: {{team: {POLAR_TOKEN}}}"),
        (f"polar_attio_attributes: {{plan_tier: {{from: {POLAR_TOKEN}}}}}", ""),
    ],
)
def test_a_secret_in_the_file_is_refused_and_shown_nowhere(settings: str, attributes: str) -> None:
    ledger = "" if DATABASE in settings else "polar_attio_database_url: a.db"

    refused = refusal(defs_yaml(settings, attributes, ledger=ledger))

    assert 'does not belong in this file: write it as "{{ env.' in refused
    assert not [secret for secret in (POLAR_TOKEN, ATTIO_TOKEN, "s3cr3t") if secret in refused]


def test_without_tokens_everything_loads() -> None:
    with loaded(defs_yaml("polar_access_token: '{{ env.NOT_SET }}'\nattio_api_key: '{{ env.NOT_SET }}'")) as (_, defs):
        dg.Definitions.validate_loadable(defs)


def test_its_labels_are_on_every_asset_and_job_and_on_their_runs() -> None:
    labels = "prefix: acme\ngroup: customers\nowners: ['team:growth']\ntags: {team: growth}"

    with loaded(defs_yaml("polar_attio_companies: true", labels)) as (_, defs):
        specs = defs.resolve_all_asset_specs()
        jobs = [job for job in defs.resolve_all_job_defs() if job.name != "__ASSET_JOB"]

    assert len(specs) == 8
    assert {spec.group_name for spec in specs} == {"customers"}
    assert {tuple(spec.owners) for spec in specs} == {("team:growth",)}
    assert {spec.tags["team"] for spec in specs} == {"growth"}
    assert all(spec.kinds for spec in specs)
    assert len(jobs) == 7
    assert {(job.tags["team"], job.run_tags["team"]) for job in jobs} == {("growth", "growth")}


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_two_side_by_side_bring_each_its_own_customers_and_dagster_keeps_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None, instance: dg.DagsterInstance
) -> None:
    text = (Path(__file__).parent / "host_project/src/warehouse/defs/acme/defs.yaml").read_text()
    with ExitStack() as stack:
        both = [stack.enter_context(organization(name, tmp_path, some_hours_ago())) for name in ("acme", "globex")]
        project = stack.enter_context(create_defs_folder_sandbox())
        for one in both:
            folder = project.defs_folder_path / one.name
            folder.mkdir()
            (folder / "defs.yaml").write_text(text.replace("acme", one.name).replace("ACME", one.name.upper()))
            for name, value in one.environment().items():
                monkeypatch.setenv(name, value)
        defs = stack.enter_context(project.build_all_defs())

        for one in both:
            job = defs.resolve_job_def(f"{one.name}_full_reconciliation")
            assert job.execute_in_process(instance=instance, run_config=QUIET).success

        assert [one.emails() for one in both] == [{"ada@acme.example.com"}, {"ada@globex.example.com"}]
        assert all(one.database.exists() for one in both)
        kept = serialize_value(RepositorySnap.from_def(defs.get_repository_def()))
        assert "globex" in kept
        assert not [one.name for one in both if one.polar_token in kept or one.attio_key in kept]


def test_nothing_of_the_process_changes_when_it_is_loaded() -> None:
    before = dict(os.environ)

    with loaded(defs_yaml()):
        pass

    assert dict(os.environ) == before
