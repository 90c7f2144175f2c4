"""What Dagster loads: the names that others rely on, and that it loads without a single setting."""

import subprocess
import sys
from datetime import date
from pathlib import Path

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


@pytest.fixture
def defs(clean_environment: None) -> dg.Definitions:
    return build(Settings())


def test_the_names_that_others_rely_on_are_there(defs: dg.Definitions) -> None:
    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} >= {
        "polar_customers",
        "attio_people",
        "customer_reconciliation",
    }
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert jobs >= {"customer_sync", "full_reconciliation", "preview"}
    assert defs.resolve_schedule_def("hourly_customer_sync").job_name == "customer_sync"
    assert defs.resolve_schedule_def("scheduled_reconciliation").job_name == "full_reconciliation"
    assert defs.resolve_sensor_def("new_polar_customers").job_name == "customer_sync"


def test_every_reference_between_them_holds(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_whatever_writes_to_attio_waits_for_the_one_pool(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()

    for asset in ("attio_people", "customer_reconciliation"):
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


def test_settings_reach_the_resources_and_tokens_stay_in_the_environment(
    tmp_path: Path, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "polar_oat_in_the_environment")
    monkeypatch.setenv("ATTIO_API_KEY", "key_in_the_environment")
    settings = Settings(
        polar_api_url="https://sandbox-api.polar.sh",
        attio_slug={"polar_customer": "is_customer"},
        polar_attio_database_url=SecretStr(str(tmp_path / "somewhere.db")),
        polar_attio_snapshot_minutes=7,
        polar_attio_unmark_orphaned=True,
    )

    resources = build(settings).resources or {}

    shown = {name: str(resource.model_dump()) for name, resource in resources.items()}
    assert "https://sandbox-api.polar.sh" in shown["polar"]
    assert "is_customer" in shown["attio"]
    assert "somewhere.db" in shown["ledger"]
    assert "somewhere.db" in shown["customers_io"]
    assert "'snapshot_minutes': 7.0" in shown["options"]
    assert "'unmark_orphaned': True" in shown["options"]
    assert "in_the_environment" not in str(shown)


def test_the_url_of_a_database_server_stays_in_the_environment_because_it_has_a_password(
    clean_environment: None,
) -> None:
    settings = Settings(
        polar_attio_start_date=date(2026, 11, 20),
        polar_attio_database_url=SecretStr("postgresql://polar:hunter2@db.example/ledger"),
    )

    resources = build(settings).resources or {}

    shown = {name: str(resource.model_dump()) for name, resource in resources.items()}
    assert "hunter2" not in str(shown)
    assert "POLAR_ATTIO_DATABASE_URL" in shown["ledger"]
    assert "POLAR_ATTIO_DATABASE_URL" in shown["customers_io"]


def test_it_loads_in_a_fresh_process_without_any_setting_and_without_a_warning(
    tmp_path: Path, clean_environment: None
) -> None:
    loaded = subprocess.run(
        [sys.executable, "-W", "default", "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.db")] == [Path(".state/polar_attio.db")]
