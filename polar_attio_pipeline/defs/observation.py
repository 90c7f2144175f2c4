"""What other programs see of a step of a run: its spans and metrics, and its log as JSON lines."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import given
from polar_attio_pipeline.passes.progress import Event, Report
from polar_attio_pipeline.sync.outcomes import FAILED, Result
from polar_attio_pipeline.telemetry.instruments import Name
from polar_attio_pipeline.telemetry.json_log import JsonHandler
from polar_attio_pipeline.telemetry.json_progress import write_event
from polar_attio_pipeline.telemetry.recording import both, record_standing, recorded
from polar_attio_pipeline.telemetry.standing import Standing


@dataclass(frozen=True)
class Observation:
    """How a step is seen from outside; by nothing unless something is given.

    Attributes:
        telemetry: Whether spans and metrics are recorded.
        step: Names its span.
        attributes: Of that span.
        handlers: Take what this package logs, as JSON lines; none of them where the log is text.
    """

    telemetry: bool = False
    step: str = "step"
    attributes: Mapping[str, str] = field(default_factory=dict)
    handlers: tuple[JsonHandler, ...] = ()

    @contextmanager
    def of_pass(self) -> Iterator[Report]:
        """Record what happens in this context; yields what takes the reports of its pass."""
        with self._errors_as_json(), recorded(self.telemetry, self.step, self.attributes) as record:
            yield both(self._as_json, record)

    def _as_json(self, event: Event) -> None:
        for handler in self.handlers:
            write_event(event, handler)

    @contextmanager
    def _errors_as_json(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raised = type(error), error, error.__traceback__
            record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, "The step has failed.", (), raised)
            for handler in self.handlers:
                handler.handle(record)
            raise


def observation(context: dg.AssetExecutionContext | dg.OpExecutionContext, names: Names) -> Observation:
    """Return how a step is seen, by the resource `options`."""
    options: PassOptions = given(context.resources, names.of("options"), PassOptions)
    step, run_id = context.op_def.name, context.run.run_id
    fields: dict[str, Any] = {"run_id": run_id, "step": step}
    return Observation(
        telemetry=options.telemetry,
        step=f"step {step}",
        attributes={**pipeline_attributes(names), Name.RUN: run_id, Name.STEP: step},
        handlers=(JsonHandler(fields),) if options.log_format == "json" else (),
    )


def pipeline_attributes(names: Names) -> dict[str, str]:
    """Return what tells several pipelines of one code location apart; nothing where there is only one."""
    return {Name.PIPELINE: names.prefix} if names.prefix else {}


def record_counts(context: dg.AssetExecutionContext, names: Names, counts: Mapping[Result, int]) -> None:
    """Set the gauge of customers that are not in Attio."""
    options = given(context.resources, names.of("options"), PassOptions)
    standing = Standing(not_in_attio={result: counts.get(result, 0) for result in FAILED})
    record_standing(options.telemetry, standing, pipeline_attributes(names), ends_soon=True)


def record_hours(telemetry: bool, names: Names, *, open_hours: int, watermark_age: timedelta) -> None:
    """Set the gauges of the hours."""
    standing = Standing(open_hours=open_hours, watermark_age=watermark_age.total_seconds())
    record_standing(telemetry, standing, pipeline_attributes(names))
