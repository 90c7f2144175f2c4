"""The ledger behind a pooler that lends each connection for one transaction only."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.browser.stack import until
from polar_attio_pipeline_tests.faults.crash_points import sweep
from polar_attio_pipeline_tests.ledger.builders import outcome
from polar_attio_pipeline_tests.ledger.postgres import Server
from polar_attio_pipeline_tests.postgres import pooler


@pytest.fixture(scope="module")
def port(server: Server) -> Iterator[int]:
    if pooler.program() is None:
        pytest.skip("PgBouncer is not installed (Debian: apt install pgbouncer)")
    with pooler.pooling(server) as port:
        until(lambda: _answers(server, port))
        yield port


def _answers(server: Server, port: int) -> bool:
    try:
        Ledger(pooler.new_database(server, port, uuid4().hex)).counts()
    except LedgerError:
        return False
    return True


def test_many_writers_and_readers_share_two_connections(server: Server, port: int) -> None:
    database = pooler.new_database(server, port, uuid4().hex)

    def write(number: int) -> None:
        ledger = Ledger(database)
        # More often than a driver that prepares statements would wait before it does.
        for _ in range(8):
            ledger.record([outcome(f"{number} {other}") for other in range(20)], pass_id=f"p{number}")
            ledger.counts()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))

    assert Ledger(database).counts()[Result.CREATED] == 120


def test_a_pass_runs_there_and_one_that_is_killed_costs_nothing(server: Server, port: int) -> None:
    crashes = list(
        sweep(
            lambda: pooler.new_database(server, port, uuid4().hex),
            writes=range(30, 31),
            ledger_writes=range(0),
            moments=0,
            seed=1,
        )
    )

    assert all(crash.is_good for crash in crashes), crashes


def test_options_that_it_does_not_pass_on_are_said_to_be_the_reason(server: Server, port: int) -> None:
    database = pooler.new_database(server, port, uuid4().hex)

    with pytest.raises(LedgerError, match="is behind a pooler of connections that does not pass the options"):
        Ledger(f"{database}?options=-csearch_path%3Dpublic", patience=1).counts()
