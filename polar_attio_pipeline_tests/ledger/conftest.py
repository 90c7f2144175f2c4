"""Ledgers in SQLite and, where a server and its driver are installed, in Postgres."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline_tests.ledger import postgres


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """Of a Postgres server."""
    if missing := postgres.why_not():
        pytest.skip(missing)
    with postgres.server() as port:
        yield port


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new ledger will be."""
    if request.param == "sqlite":
        return str(tmp_path / "state" / "ledger.db")
    return postgres.create_database(request.getfixturevalue("port"), uuid4().hex)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    yield ledger
    ledger.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a ledger in SQLite will be."""
    return tmp_path / "state" / "ledger.db"
