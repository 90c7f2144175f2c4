"""docs/telemetry.md says what there is."""

import io
import json
import logging
import re
from pathlib import Path

import pytest
import time_machine

from polar_attio_pipeline.passes.progress import Progress, Stage
from polar_attio_pipeline.telemetry.instruments import METRICS, Metric, Name
from polar_attio_pipeline.telemetry.json_log import JsonFormatter, JsonHandler
from polar_attio_pipeline.telemetry.json_progress import write_event
from polar_attio_pipeline.telemetry.recording import FLUSH_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_has_its_line(metric: Metric) -> None:
    by = ", ".join(f"`{name}`" for name in metric.attributes)

    assert f"| `{metric.name}` | {metric.kind} | {metric.unit} | {metric.description} | {by} |" in PAGE


def test_the_page_names_no_metric_that_there_is_not() -> None:
    section = PAGE.partition("## Metrics")[2].partition("## A collector")[0]

    assert re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) == [metric.name for metric in METRICS]


@pytest.mark.parametrize("name", Name)
def test_each_attribute_is_named(name: Name) -> None:
    assert f"`{name}`" in PAGE


def test_the_example_of_a_line_is_what_is_written() -> None:
    stream = io.StringIO()
    handler = JsonHandler({"pass_id": "5f1c", "kind": "reconciliation"}, stream)
    with time_machine.travel("2026-11-30T12:00:05Z", tick=False):
        write_event(Progress(Stage.WRITING, 500, 1200, pace=20.0, left=35.0, idle=0.05), handler)

    assert f"```json\n{stream.getvalue()}```" in PAGE


def test_each_field_of_a_line_is_explained() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "It failed.", (), None)
    record.exc_info = (ValueError, ValueError("x"), None)

    for field in (*json.loads(JsonFormatter({"run_id": "r", "step": "s"}).format(record)), "pass_id", "kind"):
        assert f"`{field}`" in PAGE.partition("## JSON lines")[2]


def test_the_wait_at_the_end_is_as_long_as_the_page_says() -> None:
    assert f"waits at most {FLUSH_SECONDS:g} seconds" in " ".join(PAGE.split())
