"""Dagster's webserver for people who may look and not touch, and the proxy with a login before it: real ones."""

import asyncio
import json
import os
import ssl
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from polar_attio_pipeline_tests.browser.stack import BIN, HOST, ROOT, answers, free_port, process, until
from polar_attio_pipeline_tests.security.certificates import MISSING as NO_OPENSSL
from polar_attio_pipeline_tests.security.certificates import OPENSSL
from polar_attio_pipeline_tests.security.nginx import MISSING, NGINX, PASSWORD, USER, Proxy, proxying
from polar_attio_pipeline_tests.security.odd import leaks, secret

pytestmark = pytest.mark.slow

TOKEN = secret("%41'")
LOCATION = {"repositoryLocationName": "polar_attio_pipeline", "repositoryName": "__repository__"}
LOGIN = (USER, PASSWORD)

LAUNCH = """mutation($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) { __typename } }"""
JOB = {"selector": {**LOCATION, "jobName": "full_reconciliation"}}

CHANGES = {
    "a run": LAUNCH,
    "several runs": """mutation($selector: JobOrPipelineSelector!) {
      launchMultipleRuns(executionParamsList: [{selector: $selector, runConfigData: {}}]) {
        ... on LaunchMultipleRunsResult { launchMultipleRunsResult { __typename } } __typename } }""",
    "another run like one": """mutation($selector: JobOrPipelineSelector!) {
      launchRunReexecution(executionParams: {selector: $selector, runConfigData: {},
        executionMetadata: {parentRunId: "x", rootRunId: "x"}}) { __typename } }""",
    "a sensor, evaluated": """mutation { sensorDryRun(cursor: "x", selectorData: {repositoryName: "__repository__",
      repositoryLocationName: "polar_attio_pipeline", sensorName: "alerts"}) { __typename } }""",
    "a backfill": """mutation { launchPartitionBackfill(backfillParams: {allPartitions: true,
      assetSelection: [{path: ["attio_people"]}]}) { __typename } }""",
    "a sensor": """mutation { startSensor(sensorSelector: {repositoryLocationName: "polar_attio_pipeline",
      repositoryName: "__repository__", sensorName: "alerts"}) { __typename } }""",
    "a schedule": """mutation { startSchedule(scheduleSelector: {repositoryLocationName: "polar_attio_pipeline",
      repositoryName: "__repository__", scheduleName: "hourly_customer_sync"}) { __typename } }""",
    "a cursor": """mutation { setSensorCursor(cursor: "x", sensorSelector: {repositoryName: "__repository__",
      repositoryLocationName: "polar_attio_pipeline", sensorName: "alerts"}) { __typename } }""",
    "the end of a run": 'mutation { terminateRun(runId: "x") { __typename } }',
    "the deletion of a run": 'mutation { deletePipelineRun(runId: "x") { __typename } }',
    "the wiping of an asset": """mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["attio_people"]}}])
      { __typename } }""",
    "an event": """mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION,
      assetKey: {path: ["attio_people"]}}) { __typename } }""",
    "the limit of a pool": 'mutation { setConcurrencyLimit(concurrencyKey: "attio", limit: 9) }',
    "a reload": 'mutation { reloadRepositoryLocation(repositoryLocationName: "polar_attio_pipeline") { __typename } }',
    "a shutdown": 'mutation { shutdownRepositoryLocation(repositoryLocationName: "polar_attio_pipeline")'
    " { __typename } }",
}
"""What a person could change, each by Dagster's own mutation."""

EVERYTHING = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  ... on PythonError { message stack }
  ... on RepositoryLocation { repositories { name
    jobs { name runTags { key value } }
    sensors { name } schedules { name }
    allTopLevelResourceDetails { name resourceType configuredValues { key value type }
      configFields { name description defaultValueAsJson } } } } } } } }
  instance { info daemonHealth { allDaemonStatuses { daemonType } } } }"""


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A webserver that is started with --read-only, and reads the real definitions."""
    folder = tmp_path_factory.mktemp("webserver")
    (folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text().replace(".state/", f"{folder}/"))
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "POLAR_ACCESS_TOKEN": TOKEN,
        "ATTIO_API_KEY": TOKEN,
        "POLAR_ATTIO_ALERT_URLS": f"json://me:{TOKEN}@127.0.0.1:9/",
        "POLAR_ATTIO_DATABASE_URL": str(folder / "ledger.db"),
    }
    url = f"http://{HOST}:{free_port()}"
    command = [str(BIN / "dagster-webserver"), "--read-only", "-w", "workspace.yaml", "-p", url.rpartition(":")[2]]
    with process(command, environment, folder / "out") as running:
        until(lambda: answers(url), running, seconds=120)
        yield url


@pytest.fixture
def proxy(webserver: str, tmp_path: Path) -> Iterator[Proxy]:
    if NGINX is None:
        pytest.skip(MISSING)
    if OPENSSL is None:
        pytest.skip(NO_OPENSSL)
    with proxying(webserver, tmp_path / "nginx") as running:
        yield running


def ask(url: str, query: str, **variables: Any) -> Any:
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=30)
    return answer.json()


@pytest.mark.parametrize("what", CHANGES)
def test_a_read_only_webserver_changes_nothing(webserver: str, what: str) -> None:
    said = ask(webserver, CHANGES[what], **(JOB if "$selector" in CHANGES[what] else {}))

    assert "UnauthorizedError" in json.dumps(said), said


def test_nor_does_it_by_an_address_that_a_page_elsewhere_may_have_as_its_picture(webserver: str) -> None:
    """Dagster carries out mutations that come by GET."""
    answer = httpx.get(f"{webserver}/graphql", params={"query": LAUNCH, "variables": json.dumps(JOB)}, timeout=30)

    assert answer.json()["data"]["launchRun"]["__typename"] == "UnauthorizedError"


def test_what_the_webserver_shows_of_the_settings_and_of_the_instance_holds_no_token(webserver: str) -> None:
    said = json.dumps(ask(webserver, EVERYTHING))

    assert "requests_per_minute" in said, said
    assert leaks(said, TOKEN) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/server_info"),
        ("GET", "/graphql?query={version}"),
        ("POST", "/graphql"),
        ("GET", "/runs"),
    ],
)
def test_without_a_login_the_proxy_shows_nothing(proxy: Proxy, method: str, path: str) -> None:
    for login in (None, (USER, "wrong"), ("nobody", PASSWORD)):
        answer = httpx.request(method, proxy.url + path, verify=trust(proxy), auth=login)

        assert answer.status_code == 401
        assert "Basic" in answer.headers["WWW-Authenticate"]
        assert "dagster" not in answer.text.lower()


def test_with_a_login_the_ui_and_its_questions_pass(proxy: Proxy) -> None:
    with httpx.Client(base_url=proxy.url, verify=trust(proxy), auth=LOGIN) as person:
        page = person.get("/", headers={"Accept": "text/html"})
        answer = person.post("/graphql", json={"query": "{ version }"}, headers={"Origin": proxy.url})

    assert page.status_code == 200
    assert "</html>" in page.text
    assert answer.json()["data"]["version"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Origin": "https://elsewhere.example"}),
        ("POST", {"Origin": "null"}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
    ],
)
def test_a_page_elsewhere_cannot_use_the_login_of_the_person_who_looks_at_it(
    proxy: Proxy, method: str, headers: dict[str, str]
) -> None:
    asked = f"{proxy.url}/graphql"

    answer = httpx.request(method, asked, params={"query": LAUNCH}, headers=headers, verify=trust(proxy), auth=LOGIN)

    assert answer.status_code == 403


def test_a_link_from_elsewhere_opens_the_ui(proxy: Proxy) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}

    answer = httpx.get(f"{proxy.url}/runs", headers=headers, verify=trust(proxy), auth=LOGIN)

    assert answer.status_code == 200


def test_another_name_than_the_one_of_the_ui_is_not_answered(proxy: Proxy) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(proxy.url, headers={"Host": "rebound.example"}, verify=trust(proxy), auth=LOGIN)


def test_the_websocket_of_the_ui_passes_with_a_login_and_from_its_own_page_only(proxy: Proxy) -> None:
    assert asyncio.run(subscribed(proxy, origin=proxy.url, login=True)) == "connection_ack"
    assert asyncio.run(subscribed(proxy, origin=proxy.url, login=False)) == "401"
    assert asyncio.run(subscribed(proxy, origin="https://elsewhere.example", login=True)) == "403"


async def subscribed(proxy: Proxy, *, origin: str, login: bool) -> str:
    """What comes of opening the websocket by which the UI follows a run."""
    credential = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credential}"} if login else {}
    asked = connect(
        f"wss://{proxy.host}/graphql",
        ssl=trust(proxy),
        origin=origin,  # type: ignore[arg-type]  # a text
        subprotocols=["graphql-ws"],  # type: ignore[list-item]  # as above
        additional_headers=headers,
        proxy=None,
    )
    try:
        async with asked as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            return str(json.loads(await socket.recv())["type"])
    except InvalidStatus as refused:
        return str(refused.response.status_code)


def trust(proxy: Proxy) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(proxy.certificate))
