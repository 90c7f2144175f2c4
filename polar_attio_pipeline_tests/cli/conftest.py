"""What the commands find in their environment."""

import pytest

from polar_attio_pipeline_tests.conftest import Pipeline


@pytest.fixture
def pipeline_settings(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the definitions are built from, in the environment."""
    named = pipeline.settings.model_dump(
        include={
            "polar_api_url",
            "attio_api_url",
            "polar_attio_start_date",
            "polar_requests_per_minute",
            "attio_reads_per_second",
            "attio_writes_per_second",
        }
    )
    for name, value in named.items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", str(pipeline.database))
