"""The pipeline on the page: what became of each customer, when the next pass comes, and a button that starts one."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.pipeline_view import Due, LastOutcome, Passes, PipelineError, PipelineView, Running
from polar_attio_pipeline.sandbox.world import Sandbox


def pipeline_state(pipeline: PipelineView | None, customer_ids: Collection[str]) -> dict[str, Any]:
    """Return what the page shows of the pipeline, and the last outcome of each of these customers by its id.

    The pipeline's times are those of this machine, whatever the sandbox's clock says, so the time is given beside them.
    """
    if pipeline is None:
        return {"pipeline": None, "outcomes": {}}
    passes, problems = pipeline.passes(), []
    if passes.problem is not None:
        problems.append(passes.problem)
    outcomes: dict[str, Any] = {}
    try:
        outcomes = {row_id: _outcome(found) for row_id, found in pipeline.outcomes(customer_ids).items()}
    except PipelineError as error:
        problems.append(str(error))
    return {"pipeline": {**_passes(passes), "problems": problems}, "outcomes": outcomes}


class PipelinePage:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def start(self, _: Request) -> Response:
        """Start a pass."""
        pipeline = self._sandbox.pipeline
        if pipeline is None:
            raise PipelineError("No pipeline is connected to this sandbox.")
        return Json({"url": await run_in_threadpool(pipeline.start)}, 201)


def _passes(passes: Passes) -> dict[str, Any]:
    return {
        "now": datetime.now(UTC).isoformat(),
        "due": [_due(one) for one in passes.due],
        "running": [_running(one) for one in passes.running],
        "reports": [{"name": name, "url": url} for name, url in passes.reports.items()],
    }


def _due(one: Due) -> dict[str, Any]:
    return {
        "title": one.title,
        "is_on": one.is_on,
        "at": one.at and one.at.isoformat(),
        "said": one.said,
        "url": one.url,
    }


def _running(one: Running) -> dict[str, Any]:
    return {"title": one.title, "since": one.since and one.since.isoformat(), "url": one.url}


def _outcome(found: LastOutcome) -> dict[str, Any]:
    return {
        "result": found.result,
        "is_written": found.is_written,
        "reason": found.reason,
        "detail": found.detail,
        "at": found.at.isoformat(),
        "url": found.url,
    }
