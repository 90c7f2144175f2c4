"""One Postgres server for the whole suite; a database for each test."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from polar_attio_pipeline_tests.faults.crash_points import NewDatabase
from polar_attio_pipeline_tests.ledger import postgres
from polar_attio_pipeline_tests.ledger.postgres import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if missing := postgres.why_not():
        pytest.skip(missing)
    with postgres.running() as server:
        yield server


@pytest.fixture
def new_database(server: Server) -> NewDatabase:
    """What makes databases."""
    return lambda: postgres.create_database(server.port, uuid4().hex)
