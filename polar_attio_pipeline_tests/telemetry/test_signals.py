"""Spans and metrics of what passes and requests report."""

from dataclasses import replace

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from polar_attio_pipeline.http.observing import Attempt
from polar_attio_pipeline.passes.progress import Began, Ended, Ending, LeftOut, Stage
from polar_attio_pipeline.passes.progress import Progress as HowFar
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.telemetry.signals import SCOPE
from polar_attio_pipeline.telemetry.standing import Standing
from polar_attio_pipeline_tests.telemetry.memory import Memory

BEGAN = Began("the hourly pass", "sensor new_polar_customers", "hourly", "run-1")
ENDED = Ended(
    how=Ending.FINISHED,
    counts={Result.CREATED: 3, Result.REJECTED: 2},
    left_out=[LeftOut(Result.REJECTED, Reason.NO_EMAIL, 2, ("https://polar.sh/1",))],
    remaining=0,
    seconds=12.5,
    requests=9,
    throttled=1,
    upcoming="",
)
ATTEMPT = Attempt(
    service="Attio",
    method="PATCH",
    host="api.attio.com",
    port=None,
    path="/v2/objects/people/records/0b8f5c1e-0000-4000-8000-000000000001",
    number=1,
    queued=0.75,
    seconds=0.25,
    ended_at=1_800_000_000.0,
    status=200,
)


def test_everything_is_sent_by_the_version_of_the_code_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polar_attio_pipeline.telemetry.signals.__version__", "9.9.9")
    memory = Memory()
    memory.signals().begin("polar-attio sync", {}).end(None)

    scope = memory.span("polar-attio sync").instrumentation_scope
    assert scope
    assert (scope.name, scope.version) == (SCOPE, "9.9.9")


def test_a_pass_is_a_span_below_the_work_and_its_requests_are_spans_below_it() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.observe(replace(ATTEMPT, path="/v2/self", method="GET"))
    work.report(BEGAN)
    work.observe(ATTEMPT)
    work.report(HowFar(Stage.WRITING, 1, 3))
    work.report(ENDED)
    work.end(None)

    root, done = memory.span("polar-attio sync"), memory.span("pass hourly")
    below = {span.name: span.parent.span_id if span.parent else None for span in memory.spans()}
    assert root.context
    assert done.context
    assert below == {
        "polar-attio sync": None,
        "GET /v2/self": root.context.span_id,
        "pass hourly": root.context.span_id,
        "PATCH /v2/objects/people/records/{id}": done.context.span_id,
    }


def test_the_span_of_a_pass_says_why_it_began_and_what_became_of_it() -> None:
    memory = Memory()
    work = memory.signals().begin("step attio_people", {"polar_attio.pipeline": "acme", "polar_attio.run.id": "run-1"})
    work.report(BEGAN)
    work.report(ENDED)
    work.end(None)

    assert dict(memory.span("pass hourly").attributes or {}) == {
        "polar_attio.pipeline": "acme",
        "polar_attio.pass.id": "run-1",
        "polar_attio.pass.kind": "hourly",
        "polar_attio.pass.reason": "sensor new_polar_customers",
        "polar_attio.pass.ending": "finished",
        "polar_attio.pass.requests": 9,
        "polar_attio.pass.throttled": 1,
        "polar_attio.pass.remaining": 0,
        "polar_attio.outcomes.created": 3,
        "polar_attio.outcomes.rejected.no_email": 2,
    }


def test_passes_and_outcomes_are_counted_each_outcome_once() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.report(BEGAN)
    work.report(ENDED)

    assert memory.points("polar_attio.pass.duration") == [
        ({"polar_attio.pass.kind": "hourly", "polar_attio.pass.ending": "finished"}, (1, 12.5))
    ]
    assert memory.points("polar_attio.outcomes") == [
        (
            {"polar_attio.pass.kind": "hourly", "polar_attio.object": "customer", "polar_attio.result": "created"},
            3,
        ),
        (
            {
                "polar_attio.pass.kind": "hourly",
                "polar_attio.object": "customer",
                "polar_attio.result": "rejected",
                "polar_attio.result.reason": "no_email",
            },
            2,
        ),
    ]


def test_a_request_takes_the_time_of_its_answer_and_its_waiting_is_beside() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.observe(ATTEMPT)

    span = memory.span("PATCH")
    assert span.kind is SpanKind.CLIENT
    assert span.start_time
    assert span.end_time
    assert (span.end_time - span.start_time) / 1e9 == 0.25
    assert dict(span.attributes or {}) == {
        "polar_attio.service": "Attio",
        "http.request.method": "PATCH",
        "url.template": "/v2/objects/people/records/{id}",
        "server.address": "api.attio.com",
        "http.response.status_code": 200,
        "polar_attio.request.waited": 0.75,
    }
    assert memory.points("polar_attio.request.wait_time") == [({"polar_attio.service": "Attio"}, 0.75)]
    ((attributes, value),) = memory.points("http.client.request.duration")
    assert attributes["url.template"] == "/v2/objects/people/records/{id}"
    assert value == (1, 0.25)


def test_a_request_that_failed_says_how_and_how_often_it_was_sent_again() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.observe(replace(ATTEMPT, number=3, status=503))
    work.observe(replace(ATTEMPT, number=4, status=None, failure="ReadTimeout"))

    spans = memory.spans("PATCH")
    assert [span.status.status_code for span in spans] == [StatusCode.ERROR, StatusCode.ERROR]
    assert [(span.attributes or {})["error.type"] for span in spans] == ["503", "ReadTimeout"]
    assert [(span.attributes or {})["http.request.resend_count"] for span in spans] == [2, 3]


def test_of_an_error_only_the_class_is_shown() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.report(BEGAN)
    work.report(replace(ENDED, how=Ending.FAILED, error="UnavailableError"))
    work.end(ValueError("ada@example.com"))

    spans = memory.spans()
    assert [span.status.status_code for span in spans] == [StatusCode.ERROR, StatusCode.ERROR]
    assert [(span.attributes or {})["error.type"] for span in spans] == ["UnavailableError", "ValueError"]
    assert "ada" not in "".join(span.to_json() for span in spans)


def test_a_pass_that_was_stopped_is_no_error() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.report(BEGAN)
    work.report(replace(ENDED, how=Ending.STOPPED))

    span = memory.span("pass hourly")
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {})["polar_attio.pass.ending"] == "stopped"


def test_a_pass_that_did_not_come_to_say_how_it_ended_ends_with_the_work() -> None:
    memory = Memory()
    work = memory.signals().begin("polar-attio sync", {})
    work.report(BEGAN)
    work.end(None)

    assert {span.name for span in memory.spans()} == {"pass hourly", "polar-attio sync"}


def test_gauges_say_how_the_sync_stands_and_nothing_of_what_is_not_known() -> None:
    memory = Memory()
    signals = memory.signals()

    signals.stand(Standing({Result.REJECTED: 2, Result.AMBIGUOUS: 0}), {"polar_attio.pipeline": "acme", "other": "no"})

    assert memory.points("polar_attio.customers.not_in_attio") == [
        ({"polar_attio.pipeline": "acme", "polar_attio.result": "rejected"}, 2),
        ({"polar_attio.pipeline": "acme", "polar_attio.result": "ambiguous"}, 0),
    ]
    assert memory.points("polar_attio.hours.open") == []
    signals.stand(Standing(open_hours=3, watermark_age=7200.0), {})
    assert memory.points("polar_attio.hours.open") == [({}, 3)]
    assert memory.points("polar_attio.watermark.age") == [({}, 7200.0)]
