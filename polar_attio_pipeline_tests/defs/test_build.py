"""What Dagster loads: the names that others rely on, and that it loads without a single setting."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.settings import Settings

PROGRAM = """
import dagster as dg
from polar_attio_pipeline.definitions import defs
dg.Definitions.validate_loadable(defs)
"""

ONLY_IMPORT = """
import os, sys
import dagster, pydantic_settings, apprise, alembic, sqlalchemy, pandas, httpx, nameparser

asked = []

class Watching(os._Environ):
    def __getitem__(self, key):
        asked.append(key)
        return super().__getitem__(key)

os.environ.__class__ = Watching
sys.addaudithook(lambda event, args: asked.append(str(args[0])) if event == "open" else None)

import polar_attio_pipeline.defs.build

ours = ("POLAR_", "ATTIO_", "DAGSTER_HOME")
print([name for name in asked if name.startswith(ours) or name.endswith((".env", ".toml", ".yaml", ".db"))])
"""


@pytest.fixture
def defs(clean_environment: None) -> dg.Definitions:
    return build(Settings())


def test_the_names_that_others_rely_on_are_there(defs: dg.Definitions) -> None:
    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} >= {
        "polar_customers",
        "attio_people",
        "changed_customers",
        "polar_subscriptions",
        "customer_reconciliation",
    }
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert jobs >= {"customer_sync", "changed_customer_sync", "full_reconciliation", "preview"}
    assert defs.resolve_schedule_def("hourly_customer_sync").job_name == "customer_sync"
    assert defs.resolve_schedule_def("scheduled_reconciliation").job_name == "full_reconciliation"
    assert defs.resolve_sensor_def("new_polar_customers").job_name == "customer_sync"
    changes = defs.resolve_sensor_def("polar_changes")
    assert {target.job_name for target in changes.targets} == {"changed_customer_sync", "full_reconciliation"}
    assert changes.default_status is dg.DefaultSensorStatus.RUNNING


def test_every_reference_between_them_holds(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_whatever_writes_to_attio_waits_for_the_one_pool(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()

    for asset in ("attio_people", "changed_customers", "customer_reconciliation"):
        assert graph.get(dg.AssetKey(asset)).pools == {"attio"}


def test_hours_begin_at_the_start_date_and_a_range_of_them_is_one_run(clean_environment: None) -> None:
    defs = build(Settings(polar_attio_start_date=date(2026, 11, 20)))

    for asset in ("polar_customers", "attio_people"):
        node = defs.resolve_asset_graph().get(dg.AssetKey(asset))
        assert node.partitions_def is not None
        assert node.partitions_def.get_first_partition_key() == "2026-11-20-00:00"
        assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_hours_have_a_freshness_policy(defs: dg.Definitions) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey("attio_people"))

    assert node.freshness_policy is not None


def shown(resources: Mapping[str, Any]) -> dict[str, str]:
    """What Dagster keeps and shows of each resource's configuration, and what Python shows of it."""
    return {name: f"{resource.model_dump()} {resource!r} {resource}" for name, resource in resources.items()}


def test_settings_reach_the_resources(tmp_path: Path, clean_environment: None) -> None:
    settings = Settings(
        polar_api_url="https://sandbox-api.polar.sh",
        attio_slug={"polar_customer": "is_customer"},
        polar_attio_database_url=SecretStr(str(tmp_path / "somewhere.db")),
        polar_attio_snapshot_minutes=7,
        polar_attio_unmark_orphaned=True,
    )

    seen = shown(build(settings).resources or {})

    assert "https://sandbox-api.polar.sh" in seen["polar"]
    assert "is_customer" in seen["attio"]
    assert "somewhere.db" in seen["ledger"]
    assert "'snapshot_minutes': 7.0" in seen["options"]
    assert "'unmark_orphaned': True" in seen["options"]


def test_a_resource_shows_neither_its_token_nor_the_password_of_its_database(clean_environment: None) -> None:
    settings = Settings(
        polar_access_token=SecretStr("polar_oat_not_to_be_seen"),
        attio_api_key=SecretStr("key_not_to_be_seen"),
        polar_attio_start_date=date(2026, 11, 20),
        polar_attio_database_url=SecretStr("postgresql://polar:hunter2@db.example/ledger"),
    )

    seen = shown(build(settings).resources or {})

    assert "not_to_be_seen" not in str(seen)
    assert "hunter2" not in str(seen)
    assert "postgresql://db.example:5432/ledger" in seen["ledger"]


def test_an_address_that_names_no_database_is_said_where_the_resource_is_shown(clean_environment: None) -> None:
    settings = Settings(polar_attio_database_url=SecretStr("mysql://polar:hunter2@db.example/ledger"))

    seen = shown(build(settings).resources or {})

    assert "POLAR_ATTIO_DATABASE_URL names no SQLite file and no Postgres database" in seen["ledger"]
    assert "hunter2" not in str(seen)


def test_it_loads_in_a_fresh_process_without_any_setting_and_without_a_warning(
    tmp_path: Path, clean_environment: None
) -> None:
    loaded = subprocess.run(
        [sys.executable, "-W", "default", "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.db")] == [Path(".state/polar_attio.db")]


def test_importing_the_function_reads_no_setting_and_no_file_of_ours(tmp_path: Path, clean_environment: None) -> None:
    (tmp_path / ".env").write_text("POLAR_REQUESTS_PER_MINUTE=no number")
    environment = {**os.environ, "POLAR_ACCESS_TOKEN": "x", "POLAR_ATTIO_START_DATE": "no date"}

    imported = subprocess.run(
        [sys.executable, "-c", ONLY_IMPORT], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )

    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("prefix", ["a-b", "a b", "1a", "a/b", "ä", "a" * 31])
def test_a_prefix_that_dagster_would_not_take_is_refused_with_what_to_do(prefix: str, clean_environment: None) -> None:
    with pytest.raises(ValueError, match="begin with a letter, and use at most 30 letters, digits and underscores"):
        build(Settings(), prefix=prefix)


@pytest.mark.parametrize("prefix", ["", "acme"])
def test_the_graph_leads_from_polar_to_attio_by_the_hours_and_by_the_reconciliation(
    clean_environment: None, prefix: str
) -> None:
    graph = build(Settings(), prefix=prefix).resolve_asset_graph()

    edges = {(parent.path[-1], node.key.path[-1]) for node in graph.asset_nodes for parent in node.parent_keys}
    assert edges == {
        ("customers_in_polar", "polar_customers"),
        ("customers_in_polar", "changed_customers"),
        ("customers_in_polar", "polar_subscriptions"),
        ("customers_in_polar", "customer_reconciliation"),
        ("polar_subscriptions", "customer_reconciliation"),
        ("polar_customers", "attio_people"),
        ("attio_people", "people_in_attio"),
        ("changed_customers", "people_in_attio"),
        ("customer_reconciliation", "people_in_attio"),
    }
    assert {key.path[-1] for key in graph.external_asset_keys} == {"customers_in_polar", "people_in_attio"}


def test_every_check_has_one_place(defs: dg.Definitions) -> None:
    checks = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}

    assert checks == {
        ("customers_in_polar", "polar_can_be_read"),
        ("polar_subscriptions", "subscriptions_can_be_read"),
        ("attio_people", "every_customer_is_in_attio"),
        ("customer_reconciliation", "no_deleted_customer_is_marked"),
        ("customer_reconciliation", "every_polar_id_is_held_once"),
        ("people_in_attio", "attio_can_be_written"),
    }


def test_assets_name_their_owners_their_columns_and_their_source(clean_environment: None) -> None:
    graph = build(Settings(polar_attio_owners="ada@example.com, team:growth")).resolve_asset_graph()

    assert all(graph.get(key).owners == ["ada@example.com", "team:growth"] for key in graph.get_all_asset_keys())
    for asset in ("polar_customers", "attio_people", "changed_customers"):
        metadata = graph.get(dg.AssetKey(asset)).metadata
        assert isinstance(metadata["dagster/column_schema"], dg.TableSchemaMetadataValue | dg.TableSchema)
        (source,) = metadata["dagster/code_references"].code_references
        assert source.file_path.endswith(f"defs/assets/{asset}.py")


def test_a_host_names_the_group_the_owners_and_tags_that_stand_beside_those_of_the_pipeline(
    clean_environment: None,
) -> None:
    built = build(
        Settings(polar_attio_owners="team:settings"),
        prefix="acme",
        group="customers",
        tags={"team": "growth"},
        owners=["team:growth"],
    )

    specs = built.resolve_all_asset_specs()
    assert {spec.group_name for spec in specs} == {"customers"}
    assert {tuple(spec.owners) for spec in specs} == {("team:growth",)}
    assert {spec.tags["team"] for spec in specs} == {"growth"}
    assert built.resolve_asset_graph().get(dg.AssetKey(["acme", "attio_people"])).kinds == {"attio"}
    sync = built.resolve_job_def("acme_customer_sync")
    assert sync.run_tags == {"team": "growth", dg.MAX_RUNTIME_SECONDS_TAG: "7200"}


def test_without_a_group_of_its_own_the_group_has_the_prefix(clean_environment: None) -> None:
    groups = [
        {spec.group_name for spec in build(Settings(), prefix=name).resolve_all_asset_specs()} for name in ("", "acme")
    ]

    assert groups == [{"polar_to_attio"}, {"acme_polar_to_attio"}]


def test_every_job_says_when_to_launch_it(defs: dg.Definitions) -> None:
    described = {job.name: job.description or "" for job in defs.resolve_all_job_defs()}

    for job in ("customer_sync", "changed_customer_sync", "full_reconciliation", "preview"):
        assert "aunch it" in described[job]


def test_the_settings_of_both_services_reach_their_resources(clean_environment: None) -> None:
    mapped = '{"plan_tier": {"from": "metadata.tier"}}'

    resources = build(Settings(polar_api_version="2026-04", polar_attio_attributes=mapped)).resources or {}

    assert resources["polar"].api_version == "2026-04"
    assert resources["polar"].sources == ["metadata.tier"]
    assert resources["attio"].mapped == mapped
    assert resources["attio"].slugs["plan_tier"] == "plan_tier"
