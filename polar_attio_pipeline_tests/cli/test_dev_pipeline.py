"""What the sandbox's page shows of the pipeline of `polar-attio dev`. A function answers instead of Dagster."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.cli import dev_pipeline
from polar_attio_pipeline.cli.dagster_ui import LOCATION, DagsterUi
from polar_attio_pipeline.cli.dev_pipeline import AUTOMATIONS, JOBS, REPORTS, STARTED_BY_HAND, DevPipeline
from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.pipeline_view import Passes, PipelineError
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

UI = "http://127.0.0.1:3000"
RUN = "0a6b4b7e-1111-4222-8333-444455556666"
SOON = datetime(2026, 11, 23, 22, tzinfo=UTC)

Answer = Callable[[httpx.Request], httpx.Response]


def looks(*, on: bool, said: str | None) -> dict[str, Any]:
    return {"status": "RUNNING" if on else "STOPPED", "ticks": [{"skipReason": said}]}


def schedule(name: str, *, on: bool = True, said: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "state": looks(on=on, said=said),
        "next": {"results": [{"timestamp": SOON.timestamp()}] if on else []},
    }


def sensor(name: str, *, after: float | None = 0.0, said: str | None = None) -> dict[str, Any]:
    tick = None if after is None else {"timestamp": SOON.timestamp() + after}
    return {"name": name, "state": looks(on=True, said=said), "next": tick}


def state(*, runs: tuple[dict[str, Any], ...] = (), **automations: list[dict[str, Any]]) -> dict[str, Any]:
    nodes = [{"schedules": [], "sensors": [], **automations}]
    return {"data": {"repositoriesOrError": {"nodes": nodes}, "runsOrError": {"results": list(runs)}}}


def run(job: str, *, started: float | None = None) -> dict[str, Any]:
    return {"runId": RUN, "jobName": job, "startTime": started}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def pipeline_on(tmp_path: Path) -> Callable[[Answer], DevPipeline]:
    """Make a pipeline whose Dagster answers by a function."""

    def make(answer: Answer) -> DevPipeline:
        return DevPipeline(DagsterUi(UI, transport=httpx.MockTransport(answer)), tmp_path / "ledger.db")

    return make


def saying(body: dict[str, Any]) -> Answer:
    return lambda _: httpx.Response(200, json=body)


def passes(pipeline: DevPipeline) -> Passes:
    """Ask until Dagster has been asked."""
    deadline = time.monotonic() + 10
    while (found := pipeline.passes()).problem == "Dagster is being asked.":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_its_names_are_those_of_the_pipeline() -> None:
    made = build(Settings(polar_access_token="polar_oat_x", attio_api_key="key"))
    automations = {one.name for one in (*(made.schedules or ()), *(made.sensors or ()))}

    assert set(AUTOMATIONS) == automations - {"alerts", "orphaned_runs", "service_checks"}
    assert set(JOBS) == {job.name for job in made.jobs or ()} - {"preview"}
    assert STARTED_BY_HAND in JOBS
    names = Names()
    assert set(REPORTS) == {one.asset.to_user_string() for one in (names.people, names.changed, names.reconciliation)}


def test_what_is_looked_at_next_comes_first_and_what_is_switched_off_last(
    pipeline_on: Callable[[Answer], DevPipeline],
) -> None:
    off = schedule("scheduled_reconciliation", on=False)
    said = state(
        schedules=[off, schedule("hourly_customer_sync")],
        sensors=[
            sensor("polar_changes", after=-30, said="Nothing has changed."),
            sensor("alerts"),
            sensor("new_polar_customers", after=None),
        ],
    )

    found = passes(pipeline_on(saying(said)))

    assert [(one.title, one.is_on, one.at) for one in found.due] == [
        ("Hours that are missing", True, None),
        ("Customers that have changed", True, datetime(2026, 11, 23, 21, 59, 30, tzinfo=UTC)),
        ("Customers of the last hour", True, SOON),
        ("All customers", False, None),
    ]
    assert [one.said for one in found.due] == [None, "Nothing has changed.", None, None]
    assert found.due[1].url == f"{UI}/locations/{LOCATION}/sensors/polar_changes"
    assert found.due[2].url == f"{UI}/locations/{LOCATION}/schedules/hourly_customer_sync"
    assert found.problem is None
    assert found.reports["attio_people"] == f"{UI}/assets/attio_people"


def test_what_runs_or_waits_is_said_with_its_page_and_what_is_no_pass_is_not(
    pipeline_on: Callable[[Answer], DevPipeline],
) -> None:
    runs = (run("full_reconciliation", started=SOON.timestamp()), run("customer_sync"), run("preview"))
    found = passes(pipeline_on(saying(state(runs=runs, sensors=[sensor("polar_changes")]))))

    assert [(one.title, one.since, one.url) for one in found.running] == [
        ("All customers", SOON, f"{UI}/runs/{RUN}"),
        ("Customers of hours", None, f"{UI}/runs/{RUN}"),
    ]


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def be_slow(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refuse, "Dagster does not answer: it starts, is busy, or has ended."),
        (be_slow, "Dagster does not answer: it starts, is busy, or has ended."),
        (lambda _: httpx.Response(503), "Dagster answers with the status 503."),
        (lambda _: httpx.Response(200, text="<html>"), "Dagster's answer is not as expected: is it another version?"),
        (saying({"errors": [{"message": "no"}]}), "Dagster's answer is not as expected: is it another version?"),
        (saying({"data": None}), "Dagster's answer is not as expected: is it another version?"),
        (saying(state(runs=({"runId": 1},))), "Dagster's answer is not as expected: is it another version?"),
        (saying(state()), "Dagster has not loaded the pipeline yet."),
        (
            saying({"data": {"repositoriesOrError": {}, "runsOrError": {}}}),
            "Dagster has not loaded the pipeline yet.",
        ),
    ],
    ids=["none", "slow", "503", "page", "error", "nothing", "other form", "no pipeline", "broken pipeline"],
)
def test_a_dagster_that_does_not_say_is_named(
    answer: Answer, sentence: str, pipeline_on: Callable[[Answer], DevPipeline]
) -> None:
    assert passes(pipeline_on(answer)).problem == sentence


def test_a_slow_dagster_delays_nothing_and_is_asked_one_question_at_a_time(
    pipeline_on: Callable[[Answer], DevPipeline],
) -> None:
    asked, go_on = [], threading.Event()

    def wait(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        go_on.wait(10)
        return httpx.Response(200, json=state(sensors=[sensor("polar_changes")]))

    pipeline = pipeline_on(wait)
    began = time.monotonic()
    problems = {pipeline.passes().problem for _ in range(100)}
    assert time.monotonic() - began < 5
    go_on.set()
    assert problems == {"Dagster is being asked."}
    assert passes(pipeline).problem is None
    assert len(asked) == 1


def test_a_dagster_that_comes_back_is_seen(
    pipeline_on: Callable[[Answer], DevPipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev_pipeline, "FRESH_SECONDS", 0.0)
    answers = iter([httpx.Response(502)])
    pipeline = pipeline_on(lambda _: next(answers, httpx.Response(200, json=state(sensors=[sensor("polar_changes")]))))
    assert passes(pipeline).problem == "Dagster answers with the status 502."
    deadline = time.monotonic() + 10
    while pipeline.passes().problem is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [one.title for one in pipeline.passes().due] == ["Customers that have changed"]


class TestStarting:
    @staticmethod
    def launching(launched: dict[str, Any], asked: list[dict[str, Any]], *runs: dict[str, Any]) -> Answer:
        def answer(request: httpx.Request) -> httpx.Response:
            question = json.loads(request.content)
            if "launchRun" not in question["query"]:
                return httpx.Response(200, json=state(runs=runs))
            asked.append(question["variables"]["params"])
            return httpx.Response(200, json={"data": {"launchRun": launched}})

        return answer

    def test_a_pass_over_all_customers_is_launched(self, pipeline_on: Callable[[Answer], DevPipeline]) -> None:
        asked: list[dict[str, Any]] = []
        launched = {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}}
        assert pipeline_on(self.launching(launched, asked)).start() == f"{UI}/runs/{RUN}"
        assert [params["selector"]["jobName"] for params in asked] == ["full_reconciliation"]

    def test_a_second_one_is_not(self, pipeline_on: Callable[[Answer], DevPipeline]) -> None:
        asked: list[dict[str, Any]] = []
        pipeline = pipeline_on(self.launching({}, asked, run("full_reconciliation")))
        with pytest.raises(PipelineError, match="runs already, or waits for its turn"):
            pipeline.start()
        assert asked == []

    @pytest.mark.parametrize(
        ("launched", "sentence"),
        [
            (
                {"__typename": "PythonError", "message": "Boom\nTraceback"},
                "Dagster did not launch full_reconciliation: Boom$",
            ),
            ({"__typename": "PipelineNotFoundError"}, "did not launch full_reconciliation: PipelineNotFoundError$"),
        ],
    )
    def test_what_dagster_refuses_is_said(
        self, launched: dict[str, Any], sentence: str, pipeline_on: Callable[[Answer], DevPipeline]
    ) -> None:
        with pytest.raises(PipelineError, match=sentence):
            pipeline_on(self.launching(launched, [])).start()

    def test_a_dagster_that_does_not_answer_is_named(self, pipeline_on: Callable[[Answer], DevPipeline]) -> None:
        with pytest.raises(PipelineError, match="Dagster does not answer"):
            pipeline_on(refuse).start()


class TestOutcomes:
    def test_they_come_from_the_ledger_with_their_run(
        self, ledger: Ledger, pipeline_on: Callable[[Answer], DevPipeline]
    ) -> None:
        why = "The customer has no address."
        rejected = Outcome("cus_1", None, Result.REJECTED, None, reason=Reason.NO_EMAIL, detail=why)
        ledger.record([rejected, Outcome("cus_2", "ada@example.com", Result.CREATED, None)], pass_id=RUN)

        found = pipeline_on(refuse).outcomes(["cus_1", "cus_2", "cus_3"])

        assert found.keys() == {"cus_1", "cus_2"}
        one = found["cus_1"]
        assert (one.result, one.is_written, one.reason, one.detail) == ("rejected", False, "no_email", why)
        assert one.url == f"{UI}/runs/{RUN}"
        assert (found["cus_2"].result, found["cus_2"].is_written) == ("created", True)

    def test_a_pass_from_a_terminal_has_no_page(
        self, ledger: Ledger, pipeline_on: Callable[[Answer], DevPipeline]
    ) -> None:
        ledger.record([Outcome("cus_1", None, Result.EXCLUDED, None)], pass_id="0a6b4b7e111142228333444455556666")
        found = pipeline_on(refuse).outcomes(["cus_1"])["cus_1"]
        assert (found.url, found.is_written) == (None, False)

    def test_before_the_first_pass_there_are_none_and_no_file_is_made(
        self, tmp_path: Path, pipeline_on: Callable[[Answer], DevPipeline]
    ) -> None:
        assert pipeline_on(refuse).outcomes(["cus_1"]) == {}
        assert not (tmp_path / "ledger.db").exists()

    def test_a_ledger_that_cannot_be_read_is_named(
        self, tmp_path: Path, pipeline_on: Callable[[Answer], DevPipeline]
    ) -> None:
        (tmp_path / "ledger.db").write_text("no database, but long enough to be taken for one by its length" * 40)
        with pytest.raises(PipelineError, match="ledger"):
            pipeline_on(refuse).outcomes(["cus_1"])
