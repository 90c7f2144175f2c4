from collections.abc import Iterator
from pathlib import Path

import pytest

from polar_attio_pipeline_tests.passes.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.ledger.close()
