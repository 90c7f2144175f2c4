"""Two pipelines in one code location: each has names, tokens, a ledger and runs of its own, and sees no others."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.processes import run_identity
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import evaluate
from polar_attio_pipeline_tests.defs.two_pipelines import Organization, organization, some_hours_ago
from polar_attio_pipeline_tests.receiver import Receiver, receiving

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LEFT, RIGHT = "left", "right"


@dg.asset
def own_asset() -> dg.MaterializeResult[None]:
    """An asset of the host's."""
    return dg.MaterializeResult()


HOST = dg.Definitions(
    assets=[own_asset],
    resources={"polar": "the host's own", "io_manager": dg.FilesystemIOManager()},
    executor=dg.multiprocess_executor,
    loggers={"console": dg.colored_console_logger},
)


@dataclass
class Host:
    """A code location that holds both pipelines and something of its own, on an instance that forgets."""

    organizations: dict[str, Organization]
    channels: dict[str, Receiver]
    instance: dg.DagsterInstance

    def __post_init__(self) -> None:
        built = [
            build(one.settings(alert_urls=self.channels[name].url), prefix=name)
            for name, one in self.organizations.items()
        ]
        self.defs = dg.Definitions.merge(HOST, *built)

    def run(self, job: str, *, fails: bool = False, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """Run a job to the end that the test expects."""
        found = self.defs.resolve_job_def(job)
        result = found.execute_in_process(
            instance=self.instance, tags=tags or {}, run_config=QUIET, raise_on_error=False
        )
        assert result.success is not fails
        return result

    def pretend(self, job: str, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        """Put a run of a job on record."""
        return self.instance.create_run_for_job(self.defs.resolve_job_def(job), tags=tags or {}, status=status)

    def tick(self, sensor: str, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        """Evaluate a sensor with the resources of the code location."""
        definition = self.defs.resolve_sensor_def(sensor)
        resources = {key: (self.defs.resources or {})[key] for key in definition.required_resource_keys}
        given = dg.build_sensor_context(instance=self.instance, cursor=cursor, resources=resources)
        with given as context:
            return evaluate(definition, context)


@pytest.fixture
def host(tmp_path: Path, clean_environment: None, impatient: None, instance: dg.DagsterInstance) -> Iterator[Host]:
    here = some_hours_ago()
    with ExitStack() as stack:
        both = {name: stack.enter_context(organization(name, tmp_path, here)) for name in (LEFT, RIGHT)}
        channels = {name: stack.enter_context(receiving()) for name in both}
        yield Host(both, channels, instance)


def names_of(defs: dg.Definitions) -> dict[str, set[str]]:
    """Every name that must not be there twice, by kind."""
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    jobs = list(defs.resolve_all_job_defs())
    return {
        "assets": {node.key.to_user_string() for node in nodes},
        "groups": {node.group_name or "" for node in nodes},
        "pools": {pool for node in nodes for pool in node.pools or ()},
        "jobs": {job.name for job in jobs} - {"__ASSET_JOB"},
        "ops": {node.name for job in jobs for node in job.nodes},
        "schedules": {schedule.name for schedule in defs.schedules or ()},
        "sensors": {sensor.name for sensor in defs.sensors or ()},
        "resources": set(defs.resources or ()),
    }


def test_no_name_is_there_twice(host: Host) -> None:
    left, right, bare = (
        names_of(build(host.organizations[LEFT].settings(), prefix=prefix)) for prefix in (LEFT, RIGHT, "")
    )

    for kind, names in left.items():
        assert names, kind
        assert not names & right[kind]
        assert not names & bare[kind]
        assert all(name.startswith("left") for name in names)


def test_without_a_prefix_a_second_one_is_refused_by_dagster(host: Host) -> None:
    built = [build(one.settings()) for one in host.organizations.values()]

    with pytest.raises(dg.DagsterInvariantViolationError, match="different resources with same key 'polar'"):
        dg.Definitions.merge(*built)


def test_the_executor_the_loggers_and_the_resources_of_the_host_stay(host: Host) -> None:
    dg.Definitions.validate_loadable(host.defs)

    assert host.defs.executor is dg.multiprocess_executor
    assert host.defs.loggers == HOST.loggers
    assert (host.defs.resources or {})["polar"] == "the host's own"
    assert host.defs.resolve_implicit_global_asset_job_def().executor_def is dg.multiprocess_executor


@pytest.mark.parametrize("job", ["left_customer_sync", "right_full_reconciliation", "left_preview"])
def test_the_jobs_bring_their_own_executor_along(host: Host, job: str) -> None:
    assert host.defs.resolve_job_def(job).executor_def is dg.in_process_executor


def test_each_writes_to_its_own_workspace_with_its_own_tokens_and_ledger(host: Host) -> None:
    left, right = host.organizations.values()

    host.run("left_full_reconciliation")

    assert (left.emails(), right.emails()) == ({"ada@left.example.com"}, set())
    assert (left.database.exists(), right.database.exists()) == (True, False)

    host.run("right_customer_sync", tags=range_tags(right.here, right.here))
    host.run("right_preview")

    assert right.emails() == {"ada@right.example.com"}
    people = host.instance.fetch_materializations(dg.AssetKey(["right", "attio_people"]), limit=9).records
    assert [record.partition_key for record in people] == [f"{right.here:%Y-%m-%d-%H:%M}"]


def test_a_sensor_asks_for_runs_of_its_own_pipeline(host: Host) -> None:
    result = host.tick("right_new_polar_customers")

    assert isinstance(result, dg.SensorResult)
    assert result.run_requests
    assert set(result.run_requests[0].run_config["ops"]) == {"right__attio_people"}
    assert host.defs.resolve_sensor_def("right_new_polar_customers").job_name == "right_customer_sync"


def test_a_change_is_asked_for_by_the_pipeline_of_its_organization(host: Host) -> None:
    left = host.organizations[LEFT].sandbox.polar
    first = {name: host.tick(f"{name}_polar_changes") for name in (LEFT, RIGHT)}
    (ada,) = left.customers.values()
    left.update_customer(ada.id, name="Augusta Byron")

    asked = dict[str, list[dg.RunRequest]]()
    for name, before in first.items():
        assert isinstance(before, dg.SensorResult)
        after = host.tick(f"{name}_polar_changes", before.cursor)
        assert isinstance(after, dg.SensorResult)
        asked[name] = list(after.run_requests or ())

    (request,) = asked[LEFT]
    assert request.job_name == "left_changed_customer_sync"
    assert set(request.run_config["ops"]) == {"left__changed_customers"}
    assert asked[RIGHT] == []


def test_an_hour_that_the_other_one_works_on_or_has_done_is_asked_for_all_the_same(host: Host) -> None:
    here = host.organizations[LEFT].here
    host.run("left_customer_sync", tags=range_tags(here, here))
    host.pretend("left_customer_sync", dg.DagsterRunStatus.STARTED, range_tags(here, here))

    def asks(sensor: str) -> bool:
        """Whether the hour is asked for."""
        result = host.tick(sensor)
        assert isinstance(result, dg.SensorResult)
        ranges = [request.tags for request in result.run_requests or ()]
        assert ranges
        first, last = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
        return any(tags[first] <= f"{here:%Y-%m-%d-%H:%M}" <= tags[last] for tags in ranges)

    assert asks("right_new_polar_customers")
    assert not asks("left_new_polar_customers")


def test_only_the_one_that_fails_raises_an_alert_and_names_itself(host: Host) -> None:
    left, right = host.organizations.values()
    left.sandbox.faults.add(Fault(kind=Kind.REVOKED, service="polar"))
    for _ in range(2):
        host.run("left_customer_sync", tags=range_tags(left.here, left.here), fails=True)
    host.run("left_full_reconciliation", fails=True)
    host.run("right_full_reconciliation")

    host.tick("left_alerts")
    host.tick("right_alerts")

    heard = {name: {message["title"] for message in channel.received} for name, channel in host.channels.items()}
    assert {"Polar to Attio (left): failing hours", "Polar to Attio (left): reconciliation"} <= heard[LEFT]
    assert not [title for title in heard[RIGHT] if "failing hours" in title or "reconciliation" in title]
    (told,) = (message for message in host.channels[LEFT].received if "reconciliation" in message["title"])
    assert "the schedule left_scheduled_reconciliation" in told["message"]
    assert right.emails() == {"ada@right.example.com"}


def test_a_reconciliation_under_way_in_one_puts_none_of_the_other_off(host: Host) -> None:
    due = some_hours_ago().replace(hour=3, minute=35)

    def says(schedule: str) -> str:
        with dg.build_schedule_context(instance=host.instance, scheduled_execution_time=due) as context:
            result = host.defs.resolve_schedule_def(schedule)(context)
        assert isinstance(result, dg.RunRequest | dg.SkipReason)
        return "a run" if isinstance(result, dg.RunRequest) else str(result.skip_message)

    with dg.instance_for_test() as host.instance:
        host.pretend("left_full_reconciliation", dg.DagsterRunStatus.STARTED)

        assert says("left_scheduled_reconciliation") == "A reconciliation is queued or running."
        assert says("right_scheduled_reconciliation") == "a run"


def test_a_run_that_died_is_ended_by_the_sensor_of_its_own_pipeline(host: Host) -> None:
    run = host.pretend("left_full_reconciliation", dg.DagsterRunStatus.STARTED)
    dead = json.loads(run_identity(run.run_id))
    dead["started"] -= 3600
    host.instance.add_run_tags(run.run_id, {Names(LEFT).process_tag: json.dumps(dead)})

    host.tick("right_orphaned_runs")

    assert host.instance.get_runs()[0].status is dg.DagsterRunStatus.STARTED

    host.tick("left_orphaned_runs")

    assert [(one.run_id, one.status) for one in host.instance.get_runs()] == [(run.run_id, dg.DagsterRunStatus.FAILURE)]


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_what_dagster_keeps_of_the_code_location_and_of_runs_has_no_token_and_no_address_of_a_ledger(
    host: Host, tmp_path: Path
) -> None:
    secrets = [secret for one in host.organizations.values() for secret in (one.polar_token, one.attio_key)]
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as host.instance:
        host.run("left_full_reconciliation")
        host.run("right_preview")
        kept = [serialize_value(RepositorySnap.from_def(host.defs.get_repository_def()))]
        for run in host.instance.get_runs():
            kept += [serialize_value(run), *(serialize_value(entry) for entry in host.instance.all_logs(run.run_id))]
            assert run.job_snapshot_id
            assert run.execution_plan_snapshot_id
            kept.append(serialize_value(host.instance.get_job_snapshot(run.job_snapshot_id)))
            kept.append(serialize_value(host.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)))
    files = [file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()]

    assert "requests_per_minute" in kept[0], "what is configured is kept"
    assert len(kept) > 20
    assert len(files) > 3
    for secret in secrets:
        assert not [text for text in kept if secret in text]
        assert not [content for content in files if secret.encode() in content]
