"""A ledger in Postgres that cannot be used: one sentence, and no password in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger import postgres
from polar_attio_pipeline_tests.ledger.builders import outcome

SECRET = "hunter2"


@pytest.fixture
def database(port: int) -> str:
    return postgres.create_database(port, uuid4().hex)


@contextmanager
def shell(database: str, *statements: str) -> Iterator[None]:
    """A database shell that has run these statements and stays open."""
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield
    engine.dispose()


def test_a_server_that_is_not_there_is_said_to_be_so_without_the_password(port: int) -> None:
    nowhere = f"postgresql://tester:{SECRET}@127.0.0.1:1/ledger"

    with pytest.raises(LedgerError, match=r"postgresql://127\.0\.0\.1:1/ledger cannot be reached: see that") as refused:
        Ledger(nowhere, patience=1).counts()

    assert SECRET not in str(refused.value)


def test_a_database_that_is_not_there_is_said_to_be_so_in_the_words_of_the_driver(port: int) -> None:
    with pytest.raises(LedgerError, match=r'cannot be reached: .* the driver says: .*"nowhere" does not exist'):
        Ledger(postgres.url(port, "nowhere"), patience=1).counts()


def test_a_driver_that_is_not_installed_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(name="psycopg")

    monkeypatch.setattr(sa, "create_engine", missing)

    with pytest.raises(LedgerError, match=r"driver, which is not installed: pip install .*\[postgres\]"):
        Ledger(f"postgresql://tester:{SECRET}@127.0.0.1/ledger").counts()


def test_a_user_who_may_not_create_tables_is_said_to_be_so(port: int, database: str) -> None:
    role = f"role_{uuid4().hex}"
    with shell(database, f"CREATE ROLE {role} LOGIN", "COMMIT"):
        pass

    with pytest.raises(LedgerError, match="cannot be written: give its user the right to create tables"):
        Ledger(database.replace("tester@", f"{role}@")).counts()


def test_a_standby_is_said_to_be_one_that_cannot_be_written(database: str) -> None:
    Ledger(database).counts()

    with pytest.raises(LedgerError, match="name a primary server"):
        Ledger(f"{database}?options=-cdefault_transaction_read_only%3Don").record([outcome("ada")], pass_id="p1")


def test_a_shell_left_open_stops_no_reader_and_only_a_lock_stops_writers(database: str) -> None:
    Ledger(database).record([outcome("ada")], pass_id="p1")
    impatient = Ledger(database, patience=0.2)

    with shell(database, "SELECT * FROM outcomes", "SELECT * FROM lease"):
        impatient.record([outcome("bob")], pass_id="p1")
    with shell(database, "LOCK TABLE outcomes IN EXCLUSIVE MODE"):
        assert impatient.counts()[Result.CREATED] == 2
        with pytest.raises(LedgerError, match=r"was locked by another program for 0\.2 seconds"):
            impatient.record([outcome("carol")], pass_id="p1")


def test_two_ledgers_in_schemas_of_their_own_share_a_database(database: str) -> None:
    with shell(database, "CREATE SCHEMA one", "CREATE SCHEMA two", "COMMIT"):
        pass
    one, two = (Ledger(f"{database}?options=-csearch_path%3D{schema}") for schema in ("one", "two"))

    one.record([outcome("ada")], pass_id="p1")

    assert (one.counts()[Result.CREATED], two.counts()[Result.CREATED]) == (1, 0)


def test_a_password_that_a_driver_repeats_is_not_shown(port: int) -> None:
    place = f"postgresql://tester@127.0.0.1:{port}/{SECRET}?password={SECRET}"

    with pytest.raises(LedgerError, match="the driver says") as refused:
        Ledger(place, patience=1).counts()

    assert f'database "{SECRET}"' not in str(refused.value)
    assert 'database "***" does not exist' in str(refused.value)
