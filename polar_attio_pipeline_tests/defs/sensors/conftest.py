from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture(scope="session")
def kept_instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def dagster(kept_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance with nothing on record: to wipe one takes milliseconds, to make one a tenth of a second."""
    kept_instance.wipe()
    return kept_instance
