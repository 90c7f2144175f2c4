"""What `polar-attio dev` asks Dagster's UI by GraphQL: what runs, what comes, and to launch a job."""

from datetime import datetime
from typing import Any, TypeVar

import httpx
from pydantic import AliasPath, BaseModel, Field, ValidationError, field_validator

LOCATION = "polar_attio_pipeline"
"""The code location, as in workspace.yaml."""

_REPOSITORY = "__repository__"
_UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
_TIMEOUT_SECONDS = 2.0

_STATE = """query($statuses: [RunStatus!]) {
  repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name state: scheduleState { ...Looks } next: futureTicks(limit: 1) { results { timestamp } } }
    sensors { name state: sensorState { ...Looks } next: nextTick { timestamp } }
  } } }
  runsOrError(filter: {statuses: $statuses}, limit: 20) { ... on Runs { results { runId jobName startTime } } }
}
fragment Looks on InstigationState { status ticks(limit: 1) { skipReason } }"""

_LAUNCH = """mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""

Found = TypeVar("Found", bound=BaseModel)


class DagsterError(Exception):
    """Dagster does not answer, or does not do what it was asked; the text is a sentence."""


class Automation(BaseModel):
    """A schedule or a sensor.

    Attributes:
        next_tick: When it is evaluated next, UTC; None: it is switched off, or is being evaluated.
        said: Why its newest evaluation launched nothing; None: it did, or is not over.
    """

    name: str
    is_on: bool = Field(validation_alias=AliasPath("state", "status"))
    said: str | None = Field(None, validation_alias=AliasPath("state", "ticks", 0, "skipReason"))
    next_tick: datetime | None = None

    @field_validator("is_on", mode="before")
    @classmethod
    def _read_status(cls, status: object) -> bool:
        return status == "RUNNING"


class Schedule(Automation):
    """A schedule."""

    next_tick: datetime | None = Field(None, validation_alias=AliasPath("next", "results", 0, "timestamp"))


class Sensor(Automation):
    """A sensor."""

    next_tick: datetime | None = Field(None, validation_alias=AliasPath("next", "timestamp"))


class Run(BaseModel):
    """A run that is not over.

    Attributes:
        started_at: UTC; None: it waits for its turn.
    """

    id: str = Field(validation_alias="runId")
    job: str = Field(validation_alias="jobName")
    started_at: datetime | None = Field(None, validation_alias="startTime")


class _Repository(BaseModel):
    schedules: list[Schedule]
    sensors: list[Sensor]


class State(BaseModel):
    """What Dagster has.

    Attributes:
        repositories: Of every code location that is loaded.
        runs: Those that are not over.
    """

    repositories: list[_Repository] = Field(
        default_factory=list, validation_alias=AliasPath("repositoriesOrError", "nodes")
    )
    runs: list[Run] = Field(default_factory=list, validation_alias=AliasPath("runsOrError", "results"))


class _Launched(BaseModel):
    kind: str = Field(validation_alias=AliasPath("launchRun", "__typename"))
    message: str | None = Field(None, validation_alias=AliasPath("launchRun", "message"))
    run_id: str | None = Field(None, validation_alias=AliasPath("launchRun", "run", "runId"))


class DagsterUi:
    """Asks Dagster's UI.

    Args:
        url: Without a slash at the end.
        transport: How it is reached; None: over the network.
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, transport=transport)

    def state(self) -> State:
        """Return what runs and what comes.

        Raises:
            DagsterError: it does not answer within seconds, or not as expected.
        """
        return self._ask(State, _STATE, statuses=_UNFINISHED)

    def launch(self, job: str) -> str:
        """Launch a job without configuration; return the id of the run.

        Raises:
            DagsterError: it was not launched, or it is not known whether it was.
        """
        selector = {"repositoryName": _REPOSITORY, "repositoryLocationName": LOCATION, "jobName": job}
        launched = self._ask(_Launched, _LAUNCH, params={"selector": selector, "runConfigData": "{}"})
        if launched.run_id is None:
            said = (launched.message or launched.kind).strip().partition("\n")[0]
            raise DagsterError(f"Dagster did not launch {job}: {said}")
        return launched.run_id

    def page_of_run(self, run_id: str) -> str:
        """Return the address of a run's page."""
        return f"{self.url}/runs/{run_id}"

    def page_of_asset(self, name: str) -> str:
        """Return the address of an asset's page."""
        return f"{self.url}/assets/{name}"

    def page_of(self, automation: Automation) -> str:
        """Return the address of the page of a schedule or sensor."""
        kind = "schedules" if isinstance(automation, Schedule) else "sensors"
        return f"{self.url}/locations/{LOCATION}/{kind}/{automation.name}"

    def _ask(self, model: type[Found], query: str, **variables: Any) -> Found:
        try:
            answer = self._client.post("/graphql", json={"query": query, "variables": variables})
            answer.raise_for_status()
            return model.model_validate(answer.json()["data"])
        except httpx.HTTPStatusError as error:
            raise DagsterError(f"Dagster answers with the status {error.response.status_code}.") from error
        except httpx.HTTPError as error:
            raise DagsterError("Dagster does not answer: it starts, is busy, or has ended.") from error
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise DagsterError("Dagster's answer is not as expected: is it another version?") from error
