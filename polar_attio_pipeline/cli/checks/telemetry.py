"""Whether spans and metrics arrive, where they are sent."""

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.telemetry.recording import try_out


def telemetry(on: bool) -> list[Finding]:
    """Send a span, where the setting is on. No sync fails for it, so what is wrong is a warning."""
    if not on:
        return []
    problem = try_out()
    if problem:
        return [Finding("telemetry", Level.WARN, problem)]
    return [Finding("telemetry", Level.OK, "The collector takes what is sent.")]
