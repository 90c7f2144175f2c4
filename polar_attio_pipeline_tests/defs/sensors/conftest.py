from collections.abc import Iterator

import dagster as dg
import pytest
import time_machine

from polar_attio_pipeline_tests.defs.sensors.cursor_builders import NOW


@pytest.fixture(scope="session")
def kept_instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def dagster(kept_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance with nothing on record: to wipe one takes milliseconds, to make one a tenth of a second."""
    kept_instance.wipe()
    return kept_instance


@pytest.fixture
def half_past_ten() -> Iterator[time_machine.Traveller]:
    """It is so, and stays so until a test says otherwise."""
    with time_machine.travel(NOW, tick=False) as coordinates:
        yield coordinates
