"""A ledger in Postgres that cannot be used: one sentence, and no password in it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.explain import explaining
from polar_attio_pipeline.ledger.location import locate
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


@contextmanager
def server_shell(port: int) -> Iterator[sa.Connection]:
    """A shell on the server, outside of transactions."""
    engine = sa.create_engine(postgres.url(port, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def explained(database: str, error: Exception) -> str:
    """What a person reads of an error."""
    with pytest.raises(LedgerError) as refused, explaining(locate(database), patience=1):
        raise error
    return str(refused.value)


def test_a_server_that_is_not_there_is_said_to_be_so_without_the_password(port: int) -> None:
    nowhere = f"postgresql://tester:{SECRET}@127.0.0.1:1/ledger"

    with pytest.raises(LedgerError, match=r"postgresql://127\.0\.0\.1:1/ledger cannot be reached: see that") as refused:
        Ledger(nowhere, patience=1).counts()

    assert SECRET not in str(refused.value)


def test_a_database_that_is_not_there_is_said_to_be_so_in_the_words_of_the_driver(port: int) -> None:
    sentence = (
        r'names a database that its server does not have: create it, .* the driver says: .*"nowhere" does not exist'
    )
    with pytest.raises(LedgerError, match=sentence):
        Ledger(postgres.url(port, "nowhere"), patience=5).counts()


def test_a_user_that_is_not_there_is_said_to_be_refused(database: str) -> None:
    with pytest.raises(
        LedgerError, match=r"refuses the user, the password or this machine: correct them .*does not exist"
    ):
        Ledger(database.replace("tester@", "stranger@"), patience=5).counts()


@pytest.mark.parametrize(
    "words",
    [
        'connection failed: FATAL:  password authentication failed for user "tester"',
        "connection failed: fe_sendauth: no password supplied",
        'connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "tester", database "x"',
    ],
)
def test_a_password_that_is_refused_is_said_to_be_so(database: str, words: str) -> None:
    # The tests' server trusts everybody, so these are the words of one that does not.
    error = sa.exc.OperationalError("", None, psycopg.OperationalError(words))

    assert "refuses the user, the password or this machine: correct them" in explained(database, error)


def test_too_many_connections_are_said_to_be_so(database: str) -> None:
    role = f"role_{uuid4().hex}"
    with shell(database, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0", "COMMIT"):
        pass

    with pytest.raises(LedgerError, match="takes no more connections: close some or raise max_connections"):
        Ledger(database.replace("tester@", f"{role}@"), patience=5).counts()


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("FATAL:  remaining connection slots are reserved for superusers", "takes no more connections"),
        ("FATAL:  sorry, too many clients already", "takes no more connections"),
        ("FATAL:  the database system is starting up", "is starting or stopping: wait until it runs"),
        ("server does not support SSL, but SSL was required", "option in POLAR_ATTIO_DATABASE_URL"),
    ],
)
def test_a_server_that_accepts_no_connection_says_why(database: str, words: str, advice: str) -> None:
    error = sa.exc.OperationalError("", None, psycopg.OperationalError(f"connection failed: {words}"))

    assert advice in explained(database, error)


def test_an_option_that_nobody_knows_is_said_to_be_wrong(database: str) -> None:
    with pytest.raises(LedgerError, match=r"option in POLAR_ATTIO_DATABASE_URL .* correct it; .* \"nonsense\""):
        Ledger(f"{database}?nonsense=1", patience=5).counts()


def test_a_schema_that_is_not_there_is_said_to_be_missing(database: str) -> None:
    with pytest.raises(LedgerError, match="names a schema in search_path that does not exist: create it"):
        Ledger(f"{database}?options=-csearch_path%3Dmissing", patience=5).counts()


def test_a_database_whose_encoding_lacks_characters_is_said_to_be_so(port: int) -> None:
    name = uuid4().hex
    with server_shell(port) as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE \"{name}\" ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    ledger = Ledger(postgres.url(port, name))
    ledger.record([outcome("ada", email="zoë@example.com")], pass_id="p1")

    with pytest.raises(LedgerError, match="encoding lacks characters that names have: create a database with ENCODING"):
        ledger.record([outcome("bob", email="李@example.com")], pass_id="p1")

    assert ledger.counts()[Result.CREATED] == 1


def test_a_time_limit_on_statements_is_said_to_be_the_reason(database: str) -> None:
    Ledger(database).counts()
    slow = Ledger(f"{database}?options=-cstatement_timeout%3D50", patience=5)

    with pytest.raises(LedgerError, match="raise statement_timeout"), slow._database.reading() as connection:
        connection.execute(sa.text("SELECT pg_sleep(10)"))


def test_a_time_limit_on_pauses_in_transactions_is_said_to_be_the_reason(database: str) -> None:
    Ledger(database).counts()
    hasty = Ledger(f"{database}?options=-cidle_in_transaction_session_timeout%3D50", patience=5)

    def pause() -> None:
        with hasty._database.reading() as connection:
            time.sleep(0.3)
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(LedgerError, match="raise idle_in_transaction_session_timeout for its user"):
        pause()


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("53200", "is on a server that has no memory left: free some there"),
        ("25P04", "raise transaction_timeout for its user"),
        ("57P04", "was deleted on its server in the middle: restore its newest backup"),
    ],
)
def test_what_cannot_be_provoked_here_is_explained_by_its_state(database: str, state: str, advice: str) -> None:
    error = psycopg.errors.lookup(state)("as the driver raises it") if state != "25P04" else Stated(state)

    assert advice in explained(database, sa.exc.InternalError("", None, error))


class Stated(psycopg.Error):
    """An error with a state that this version of the driver does not know by name."""

    def __init__(self, state: str) -> None:
        super().__init__("as a newer server says")
        self.sqlstate = state


def test_a_table_that_is_missing_is_said_to_be_so(database: str) -> None:
    Ledger(database).counts()
    with shell(database, "DROP TABLE outcomes", "COMMIT"):
        pass

    with pytest.raises(LedgerError, match=r"lacks a table or a column of its own, .* restore its newest backup"):
        Ledger(database).counts()


@pytest.mark.parametrize(
    "words",
    [
        "consuming input failed: server closed the connection unexpectedly",
        "consuming input failed: SSL connection has been closed unexpectedly",
        "SSL SYSCALL error: EOF detected",
    ],
)
def test_a_connection_that_is_cut_on_its_way_is_said_to_be_lost(database: str, words: str) -> None:
    error = sa.exc.OperationalError("", None, psycopg.OperationalError(words))

    assert "lost the connection to its server in the middle" in explained(database, error)


FULL_AT_COMMIT = (
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$",
    "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON outcomes DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION full_disk()",
    "COMMIT",
)


def test_a_disk_that_is_full_at_the_commit_is_said_to_be_so_and_what_was_there_stays(database: str) -> None:
    ledger = Ledger(database)
    ledger.record([outcome("ada")], pass_id="p1")
    with shell(database, *FULL_AT_COMMIT):
        pass

    with pytest.raises(LedgerError, match="the disk of its server is full: free some space there"):
        ledger.record([outcome("bob")], pass_id="p1")

    assert ledger.counts()[Result.CREATED] == 1


def test_a_connection_that_its_server_ends_is_said_to_be_so(database: str) -> None:
    with (
        pytest.raises(LedgerError, match="was shut down by its server in the middle"),
        Ledger(database)._database.reading() as connection,
    ):
        connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_the_database_of_another_program_is_left_as_it_is(database: str) -> None:
    with shell(database, "CREATE TABLE outcomes (id integer)", "COMMIT"):
        pass

    with pytest.raises(LedgerError, match=r"is the database of another program, .* another schema of the same one"):
        Ledger(database).record([outcome("ada")], pass_id="p1")


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
