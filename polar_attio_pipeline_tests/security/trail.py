"""What runs and commands leave for others to read."""

import logging
from pathlib import Path

from dagster._serdes import serialize_value
from pytest import CaptureFixture, LogCaptureFixture  # noqa: PT013  # types
from typer.testing import CliRunner

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline_tests.conftest import Pipeline


class Trail:
    """Everything that runs and commands leave for others to read."""

    def __init__(self, pipeline: Pipeline, logs: LogCaptureFixture, output: CaptureFixture[str]) -> None:
        self.pipeline = pipeline
        self._logs = logs
        self._output = output
        self._said: list[str] = []

    def run(self, job: str) -> None:
        """Run a job with Dagster's usual logging, to whatever end."""
        here = self.pipeline.here
        self.pipeline.defs.resolve_job_def(job).execute_in_process(
            instance=self.pipeline.instance,
            tags=range_tags(here, here) if job == "customer_sync" else {},
            raise_on_error=False,
        )

    def command(self, *arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        self._said.append(result.output)
        return result.output

    def text(self) -> str:
        """All of it."""
        instance = self.pipeline.instance
        runs = instance.get_runs()
        events = [serialize_value(entry) for run in runs for entry in instance.all_logs(run.run_id)]
        formatter = logging.Formatter("%(name)s %(message)s")
        records = [formatter.format(record) for record in self._logs.records]
        captured = self._output.readouterr()
        return "\n".join([*map(serialize_value, runs), *events, *records, captured.out, captured.err, *self._said])


def stored(folder: Path) -> bytes:
    """The bytes of every file in a folder."""
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
