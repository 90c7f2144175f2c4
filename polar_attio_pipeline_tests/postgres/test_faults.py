"""What a person at the terminal reads when Postgres fails, before a pass and in the middle: one sentence.

Nothing is lost by it: what was in Attio already is on record, and the next pass does the rest.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline_tests.faults.crash_points import CUSTOMERS, NewDatabase, Shop, inspect, open_shop
from polar_attio_pipeline_tests.faults.dagster_kills import settings_of
from polar_attio_pipeline_tests.ledger import postgres
from polar_attio_pipeline_tests.ledger.postgres import Server
from polar_attio_pipeline_tests.postgres.interrupting import Interruption

SECRET = "hunter2"
PATIENCE = 1.0
"""Seconds that a ledger waits here, instead of ten."""


@pytest.fixture
def shop(
    server: Server, new_database: NewDatabase, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A book that no pass has brought to Attio, and the environment of a command that does."""
    shop = open_shop(new_database())
    for name, value in settings_of(shop, "unknown until it is served").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(cast(dict[str, object], Ledger.__init__.__kwdefaults__), "patience", PATIENCE)
    yield shop
    server.ensure()


def sync(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Run `polar-attio sync`."""
    with serving(shop.sandbox) as url:
        monkeypatch.setenv("POLAR_API_URL", url)
        monkeypatch.setenv("ATTIO_API_URL", url)
        return CliRunner().invoke(app, ["sync"])


def the_sentence(result: Result) -> str:
    """What a failed command says: one line, and no stack of calls."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    return line


def then_all_is_well(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the next pass, and insist that everybody is in Attio once, and every write in the history once."""
    # A command's process ends with its pass, and the next one sees that; here it is the tests' own, which lives.
    ledger = Ledger(shop.database)
    ledger.release_lease(ledger.lease_holder().fencing_token)
    again = sync(shop, monkeypatch)
    crash = inspect(shop, "a fault of Postgres", "in the middle of a pass", again.exit_code)
    assert crash.is_good, (crash, again.output)


Act = Callable[[Server, str], None]
"""Does something to a server, or to a database of it."""


def sql(*statements: str) -> Act:
    """What runs statements in a database."""

    def act(server: Server, database: str) -> None:
        postgres.run_sql(server.port, *statements, database=sa.make_url(database).database or "")

    return act


def alter(change: str) -> Act:
    """What changes the settings of a database, from outside: in it, a statement may be what they forbid."""

    def act(server: Server, database: str) -> None:
        postgres.run_sql(server.port, f'ALTER DATABASE "{sa.make_url(database).database}" {change}')

    return act


def fails_with(state: str) -> Sequence[str]:
    """Statements after which nothing can be added to the history."""
    return (
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = '{state}'; END $$",
        "CREATE TRIGGER fail BEFORE INSERT ON changes FOR EACH ROW EXECUTE FUNCTION fail()",
    )


CUT_OFF = "(was shut down by|lost the connection to) its server in the middle: see that "
"""The server says so itself, unless the driver finds first that nobody is there any more."""

CUT = (
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
    "CREATE TRIGGER fail BEFORE INSERT ON changes FOR EACH ROW EXECUTE FUNCTION fail()",
)
MENDED = ("DROP TRIGGER fail ON changes", "DROP FUNCTION fail")


@pytest.mark.parametrize(
    ("breaks", "mends", "sentence"),
    [
        (lambda server, _: server.stop(), lambda server, _: server.start(), "cannot be reached: see that its server"),
        (
            alter("SET default_transaction_read_only = on"),
            alter("RESET default_transaction_read_only"),
            "cannot be written: give its user the right",
        ),
        (sql(*fails_with("53100")), sql(*MENDED), "the disk of its server is full: free some space there"),
        (sql(*CUT), sql(*MENDED), CUT_OFF),
    ],
    ids=["stopped", "read only", "disk full", "connections cut between a write and its record"],
)
def test_a_fault_in_the_middle_of_a_pass_is_one_sentence_and_the_next_pass_does_the_rest(
    server: Server, shop: Shop, monkeypatch: pytest.MonkeyPatch, *, breaks: Act, mends: Act, sentence: str
) -> None:
    shop.sandbox.faults = Interruption(CUSTOMERS // 3, lambda: breaks(server, shop.database))

    said = the_sentence(sync(shop, monkeypatch))
    mends(server, shop.database)

    assert re.search(sentence, said)
    assert shop.sandbox.attio.writes > 0
    then_all_is_well(shop, monkeypatch)


def test_a_restart_in_the_middle_of_a_pass_costs_nothing(
    server: Server, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, object], Ledger.__init__.__kwdefaults__), "patience", 30.0)
    # Slowly, so that outcomes are due to be stored while the server is away.
    monkeypatch.setenv("ATTIO_WRITES_PER_SECOND", "40")

    def restart() -> None:
        server.stop()
        threading.Timer(1.5, server.start).start()

    shop.sandbox.faults = Interruption(CUSTOMERS // 3, restart)

    result = sync(shop, monkeypatch)

    # Only a transaction that was under way at that moment is cut, and then its pass fails.
    assert result.exit_code == 0 or re.search(CUT_OFF, the_sentence(result))
    then_all_is_well(shop, monkeypatch)


def test_a_commit_whose_answer_is_lost_is_not_made_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, lost = Database.writing, threading.Event()

    @contextmanager
    def deaf(database: Database) -> Iterator[sa.Connection]:
        with answered(database) as connection:
            yield connection
        if lost.is_set():
            raise LedgerError("the connection was lost while the server committed")

    shop.sandbox.faults = Interruption(CUSTOMERS // 3, lost.set)
    with monkeypatch.context() as patched:
        patched.setattr(Database, "writing", deaf)
        assert "while the server committed" in the_sentence(sync(shop, monkeypatch))

    then_all_is_well(shop, monkeypatch)


def test_a_server_that_is_restarted_is_waited_for(server: Server, new_database: NewDatabase) -> None:
    ledger = Ledger(new_database(), patience=30)
    ledger.confirm("before")
    server.stop()
    threading.Timer(0.5, server.start).start()

    ledger.confirm("after")

    assert ledger.take_confirmation("before")
    assert ledger.take_confirmation("after")


def test_a_server_that_stays_away_is_waited_for_once_and_one_that_never_answered_not_at_all(
    server: Server, new_database: NewDatabase
) -> None:
    known, unknown = Ledger(new_database(), patience=PATIENCE), Ledger(new_database(), patience=PATIENCE)
    known.counts()
    server.stop()

    took = []
    for ledger in (known, known, unknown):
        began = time.monotonic()
        with pytest.raises(LedgerError, match="cannot be reached"):
            ledger.counts()
        took.append(time.monotonic() - began)
    server.start()

    assert took[0] >= PATIENCE
    assert max(took[1:]) < PATIENCE / 2


@pytest.fixture
def role(server: Server) -> str:
    """A role that has to give its password, and owns nothing."""
    name = f"role_{uuid4().hex}"
    postgres.run_sql(server.port, f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' IN ROLE {postgres.WITH_PASSWORD}")
    return name


@pytest.mark.parametrize(
    ("database", "password", "sentence"),
    [
        ("its own", "hunter3", "refuses the user, the password or this machine: correct them"),
        ("its own", "", "refuses the user, the password or this machine: correct them"),
        ("nowhere", SECRET, "names a database that its server does not have: create it, or correct the name"),
        ("its own", SECRET, "cannot be written: give its user the right to create tables"),
    ],
    ids=["wrong password", "no password", "no such database", "a role that may not create tables"],
)
def test_a_pass_that_cannot_open_the_ledger_says_why_and_writes_nothing(
    server: Server,
    shop: Shop,
    role: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
    password: str,
    sentence: str,
) -> None:
    name = sa.make_url(shop.database).database or ""
    there = name if database == "its own" else database
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", postgres.url(server.port, there, user=role, password=password))

    said = the_sentence(sync(shop, monkeypatch))

    assert sentence in said
    assert "hunter" not in said
    assert shop.sandbox.attio.writes == 0


def test_the_password_may_be_where_libpq_looks_for_it(
    server: Server, role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    postgres.run_sql(server.port, f"CREATE DATABASE {role} OWNER {role}")
    ledger = Ledger(postgres.url(server.port, role, user=role))
    file = tmp_path / "passwords"
    file.write_text(f"*:*:*:*:{SECRET}\n")
    file.chmod(0o600)

    with pytest.raises(LedgerError, match="refuses the user, the password"):
        ledger.counts()
    with monkeypatch.context() as patched:
        patched.setenv("PGPASSWORD", SECRET)
        ledger.confirm("by a variable")
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert ledger.take_confirmation("by a variable")


def test_a_database_whose_server_ends_whoever_pauses_holds_no_pass_up(
    server: Server, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than a busy machine takes between two statements, and less than the pass waits for each of the services.
    for limit in ("idle_in_transaction_session_timeout = '3s'", "statement_timeout = '5s'"):
        alter(f"SET {limit}")(server, shop.database)
    for service, method in (("polar", "*"), ("attio", "*"), ("attio", "PATCH"), ("attio", "POST")):
        shop.sandbox.faults.add(Fault(kind=Kind.LATENCY, service=service, method=method, seconds=4, times=1))

    then_all_is_well(shop, monkeypatch)


def test_the_url_of_another_driver_is_as_good(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    given = shop.database.replace("postgresql+psycopg:", "postgresql+psycopg2:")
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", given)

    then_all_is_well(shop, monkeypatch)
