"""The values for Dagster's Helm chart and the code location for Dagster+, by what Dagster's libraries make of them."""

from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._serdes import ConfigurableClassData
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml
from dagster_docker.container_context import DockerContainerContext
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job

from polar_attio_pipeline_tests.deploy import files

VALUES = files.of_yaml(files.KUBERNETES / "values.yaml")
(DEPLOYMENT,) = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
LOCATION = load_dagster_cloud_yaml((files.DAGSTER_PLUS / "dagster_cloud.yaml").read_text()).locations[0]

NO_CLUSTER = """apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""

SHAPES: dict[str, set[str]] = {
    "": {
        *("global", "nameOverride", "fullnameOverride", "rbacEnabled", "imagePullSecrets", "dagsterWebserver"),
        *("computeLogManager", "dagster-user-deployments", "scheduler", "runLauncher", "pythonLogs", "postgresql"),
        *("generatePostgresqlPasswordSecret", "generateCeleryConfigSecret", "rabbitmq", "redis", "flower", "ingress"),
        *("dagsterDaemon", "busybox", "extraManifests", "serviceAccount", "migrate", "telemetry", "retention"),
        *("additionalInstanceConfig", "concurrency"),
    },
    "concurrency": {"enabled", "pools", "runs"},
    "concurrency.pools": {"defaultLimit", "granularity", "opGranularityRunBuffer"},
    "runLauncher": {"type", "config"},
    "runLauncher.config.k8sRunLauncher": {
        *("image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile", "envConfigMaps"),
        *("envSecrets", "envVars", "volumeMounts", "volumes", "labels", "failPodOnRunFailure", "resources"),
        *("schedulerName", "securityContext", "runK8sConfig"),
    },
    "runLauncher.config.k8sRunLauncher.runK8sConfig": {
        *("containerConfig", "podSpecConfig", "podTemplateSpecMetadata", "jobSpecConfig", "jobMetadata"),
    },
    "dagsterDaemon": {
        *("enabled", "image", "runCoordinator", "heartbeatTolerance", "env", "envConfigMaps", "envSecrets"),
        *("deploymentLabels", "labels", "nodeSelector", "affinity", "tolerations", "podSecurityContext"),
        *("securityContext", "resources", "livenessProbe", "readinessProbe", "startupProbe", "annotations"),
        *("runMonitoring", "runRetries", "sensors", "schedules", "schedulerName", "volumeMounts", "volumes"),
    },
    "dagsterWebserver": {
        *("replicaCount", "image", "nameOverride", "pathPrefix", "service", "workspace", "env", "envConfigMaps"),
        *("envSecrets", "deploymentLabels", "labels", "nodeSelector", "affinity", "tolerations", "annotations"),
        *("podSecurityContext", "securityContext", "resources", "readinessProbe", "livenessProbe", "startupProbe"),
        *("enableReadOnly", "dbStatementTimeout", "dbPoolRecycle", "logLevel", "schedulerName", "volumeMounts"),
        "volumes",
    },
}
"""The keys that the chart's schema knows, where it refuses others (helm/dagster/schema in dagster-io/dagster)."""

OF_A_DEPLOYMENT = {
    *("name", "image", "dagsterApiGrpcArgs", "codeServerArgs", "includeConfigInLaunchedRuns", "port", "env"),
    *("envConfigMaps", "envSecrets", "annotations", "nodeSelector", "affinity", "tolerations", "podSecurityContext"),
    *("securityContext", "resources", "livenessProbe", "readinessProbe", "startupProbe", "labels", "volumeMounts"),
    *("volumes", "schedulerName"),
}


def at(path: str) -> dict[str, Any]:
    """The part of the values at a path."""
    found = VALUES
    for name in path.split(".") if path else []:
        found = found[name]
    return dict(found)


@pytest.mark.parametrize("path", SHAPES)
def test_the_values_have_only_keys_that_the_chart_knows(path: str) -> None:
    assert at(path).keys() <= SHAPES[path]
    assert DEPLOYMENT.keys() <= OF_A_DEPLOYMENT


@pytest.fixture
def job(tmp_path: Path) -> dict[str, Any]:
    """The job of Kubernetes that a run becomes, by Dagster's own run launcher."""
    cluster = tmp_path / "kubeconfig"
    cluster.write_text(NO_CLUSTER)
    run_config = LAUNCHER["runK8sConfig"]
    # What the chart's template of the instance makes of the values.
    config = {
        "load_incluster_config": False,
        "kubeconfig_file": str(cluster),
        "job_namespace": "dagster",
        "image_pull_policy": LAUNCHER["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": "dagster-postgresql-secret",
        "fail_pod_on_run_failure": LAUNCHER["failPodOnRunFailure"],
        "security_context": LAUNCHER["securityContext"],
        "run_k8s_config": {
            "pod_spec_config": run_config["podSpecConfig"],
            "job_spec_config": run_config["jobSpecConfig"],
        },
    }
    data = ConfigurableClassData("dagster_k8s", "K8sRunLauncher", yaml.safe_dump(config))
    launcher = data.rehydrate(as_type=K8sRunLauncher)
    context = K8sContainerContext.create_for_run(run(), launcher, include_run_tags=True)
    image = f"{DEPLOYMENT['image']['repository']}:{DEPLOYMENT['image']['tag']}"
    made = construct_dagster_k8s_job(
        context.get_k8s_job_config(job_image=image, run_launcher=launcher),
        ["dagster", "api", "execute_run"],
        "run",
        user_defined_k8s_config=context.run_k8s_config,
    )
    return dict(made.to_dict()["spec"])


def run() -> dg.DagsterRun:
    """A run of the code location, with the context that the chart gives its code server."""
    context = {
        "k8s": {
            "image_pull_policy": DEPLOYMENT["image"]["pullPolicy"],
            "env": DEPLOYMENT["env"],
            "volumes": DEPLOYMENT["volumes"],
            "volume_mounts": DEPLOYMENT["volumeMounts"],
            "resources": DEPLOYMENT["resources"],
            "run_k8s_config": {"pod_spec_config": {"automount_service_account_token": True}},
        }
    }
    code = ModuleCodePointer("polar_attio_pipeline.definitions", "defs", working_directory=None)
    repository = RepositoryPythonOrigin("python", code, container_context=context)
    return dg.DagsterRun("customer_sync", job_code_origin=JobPythonOrigin("customer_sync", repository))


def test_a_run_is_a_job_with_the_files_and_settings_of_the_code_server(job: dict[str, Any]) -> None:
    (container,) = job["template"]["spec"]["containers"]
    mounted = {mount["mount_path"]: mount["name"] for mount in container["volume_mounts"]}
    assert mounted["/run/secrets/polar-attio"] == "secrets"
    assert mounted["/tmp"] == "tmp"
    secret = next(volume for volume in job["template"]["spec"]["volumes"] if volume["name"] == "secrets")["secret"]
    assert (secret["secret_name"], secret["default_mode"]) == ("polar-attio", 0o440)
    names = {variable["name"] for variable in container["env"]}
    assert {one["name"] for one in DEPLOYMENT["env"]} <= names
    assert container["resources"] == {**DEPLOYMENT["resources"], "claims": None}


def test_a_run_is_as_closed_as_the_code_server_and_ends_in_good_time(job: dict[str, Any]) -> None:
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert container["security_context"]["read_only_root_filesystem"] is True
    assert container["security_context"]["allow_privilege_escalation"] is False
    assert container["security_context"]["capabilities"]["drop"] == ["ALL"]
    assert (pod["security_context"]["run_as_user"], pod["security_context"]["fs_group"]) == (10001, 10001)
    assert pod["security_context"]["run_as_non_root"] is True
    assert pod["termination_grace_period_seconds"] == 60
    assert job["ttl_seconds_after_finished"] == 86400


def test_the_pods_of_the_code_server_and_of_runs_have_one_user_and_it_is_that_of_the_image() -> None:
    of_code = DEPLOYMENT["podSecurityContext"]
    of_runs = LAUNCHER["runK8sConfig"]["podSpecConfig"]["security_context"]

    assert (of_code["runAsUser"], of_code["runAsGroup"]) == (of_runs["run_as_user"], of_runs["run_as_group"])
    assert f"USER {of_code['runAsUser']}:{of_code['runAsGroup']}" in files.DOCKERFILE.read_text()


def test_dagsters_database_is_reached_by_the_driver_that_dagster_is_written_for() -> None:
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


def test_nothing_is_published_and_no_password_is_in_the_values() -> None:
    assert VALUES["ingress"] == {"enabled": False}
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert VALUES["generatePostgresqlPasswordSecret"] is False


def test_dagster_plus_takes_the_code_location() -> None:
    assert LOCATION.code_source is not None
    assert LOCATION.code_source.module_name == "polar_attio_pipeline.definitions"
    assert LOCATION.location_name == "polar_attio_pipeline"


def test_its_agents_take_what_is_said_of_their_containers() -> None:
    kubernetes = K8sContainerContext.create_from_config(LOCATION.container_context)
    docker = cast(
        DockerContainerContext,
        DockerContainerContext.create_from_config(LOCATION.container_context),  # type: ignore[no-untyped-call]
    )

    for context in (kubernetes.run_k8s_config, kubernetes.server_k8s_config):
        given = {one["name"]: one["value"] for one in context.container_config["env"]}
        assert given == dict(variable.split("=", 1) for variable in docker.env_vars)
        assert context.pod_spec_config["volumes"][0]["secret"]["default_mode"] == 0o440
        assert context.pod_spec_config["security_context"]["fs_group"] == 10001
        assert context.container_config["security_context"]["read_only_root_filesystem"] is True
    files_given = {path for name, path in given.items() if name.endswith("_FILE")}
    assert {path.rpartition("/")[0] for path in files_given} == {"/run/secrets/polar-attio"}
    assert docker.container_kwargs["volumes"] == ["/etc/polar-attio/secrets:/run/secrets/polar-attio:ro"]


def test_its_deployment_has_the_rules_of_the_instance_that_is_developed_on() -> None:
    settings = files.of_yaml(files.DAGSTER_PLUS / "deployment_settings.yaml")
    instance = files.of_yaml(files.REPOSITORY / "dagster.yaml")

    assert settings["concurrency"] == instance["concurrency"]
    for name in ("max_runtime_seconds", "free_slots_after_run_end_seconds"):
        assert settings["run_monitoring"][name] == instance["run_monitoring"][name]
