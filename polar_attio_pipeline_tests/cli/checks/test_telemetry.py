import pytest

from polar_attio_pipeline.cli.checks import telemetry as checks
from polar_attio_pipeline.cli.checks.finding import Finding, Level


@pytest.mark.parametrize(
    ("on", "problem", "found"),
    [
        (False, "It fails.", []),
        (True, "It fails.", [Finding("telemetry", Level.WARN, "It fails.")]),
        (True, None, [Finding("telemetry", Level.OK, "The collector takes what is sent.")]),
    ],
)
def test_where_the_setting_is_on_a_span_is_sent_and_what_fails_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, on: bool, problem: str | None, found: list[Finding]
) -> None:
    monkeypatch.setattr(checks, "try_out", lambda: problem)

    assert checks.telemetry(on) == found
