"""A ledger of each earlier version, opened by this one: everything in it is kept, whatever happens meanwhile."""

import subprocess
import sys
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata

from polar_attio_pipeline.ledger import Holder, Ledger, LedgerError, database
from polar_attio_pipeline.ledger.migrations.upgrade import context_of
from polar_attio_pipeline.ledger.schema import HEAD, METADATA, REVISIONS, version
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import NOON, outcome
from polar_attio_pipeline_tests.ledger.earlier_versions import EARLIER, make_version


def found_version(ledger: Ledger) -> str | None:
    with ledger._database._begun(writes=False) as connection:
        return version(connection)


def check_everything_is_there(ledger: Ledger, revision: str) -> None:
    """Look at the rows that `make_version` has made."""
    row = ledger.of_customers(["ada"])["ada"]
    assert (row.email, row.outcome, row.attio_record_id) == ("ada@example.com", Result.CREATED, "r1")
    (done,) = ledger.newest_passes(9)
    assert (done.pass_id, done.ended, done.counts, done.requests) == ("p1", "finished", {"created": 1}, 7)
    assert done.ended_at == NOON
    assert ledger.fact("polar_organization_id") == "org"
    assert ledger.lease_holder() == Holder("host/1", "a pass", heartbeats=3, fencing_token=7)
    snapshot = ledger.load_snapshot("run", [NOON])
    assert snapshot
    assert [customer.id for customer in snapshot.customers] == ["ada"]
    assert snapshot.free_lease_token == 6
    history = [(one.attribute, one.old_value, one.old_actor, one.new_value) for one in ledger.all_changes()]
    assert history == ([("polar_country", "DE", "workspace-member", "FR")] if revision >= "0002" else [])
    assert dict(snapshot.customers[0].mapped) == ({"metadata.tier": "pro"} if revision >= "0003" else {})
    assert ledger.take_confirmation("organization")


@pytest.mark.parametrize("revision", EARLIER)
def test_everything_is_kept_and_the_tables_are_those_of_now(ledger: Ledger, url: str, revision: str) -> None:
    make_version(url, revision)

    check_everything_is_there(ledger, revision)

    with ledger._database.reading() as connection:
        assert compare_metadata(context_of(connection), METADATA) == []
    ledger.record([outcome("bob")], pass_id="p2")
    assert ledger.counts()[Result.CREATED] == 2


KILLED = """
import os, signal, sys
from alembic.migration import MigrationContext
from polar_attio_pipeline.ledger import Ledger

def stamp(self, directory, revision):
    really(self, directory, revision)
    if revision == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

really = MigrationContext.stamp
MigrationContext.stamp = stamp
Ledger(sys.argv[1]).counts()
"""


@pytest.mark.parametrize(("revision", "killed_after"), [("0001", "0002"), ("0001", HEAD), ("0003", HEAD)])
def test_an_upgrade_that_is_killed_has_changed_nothing_and_is_made_by_the_next_one(
    ledger: Ledger, url: str, revision: str, killed_after: str
) -> None:
    make_version(url, revision)

    killed = subprocess.run([sys.executable, "-c", KILLED, url, killed_after], check=False, capture_output=True)

    assert killed.returncode < 0, killed.stderr
    assert found_version(ledger) == revision
    check_everything_is_there(ledger, revision)
    assert found_version(ledger) == HEAD


def test_a_program_of_the_earlier_version_beside_the_new_one_stops_with_a_sentence_and_writes_nothing(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(url, "0003")
    older = Ledger(url)
    with monkeypatch.context() as patched:
        patched.setattr(database, "REVISIONS", REVISIONS[:3])
        patched.setattr(database, "HEAD", "0003")
        assert older.fact("polar_organization_id") == "org"
        assert found_version(ledger) == "0003"
    ledger.counts()
    assert found_version(ledger) == HEAD

    monkeypatch.setattr(database, "REVISIONS", REVISIONS[:3])
    monkeypatch.setattr(database, "HEAD", "0003")
    with pytest.raises(LedgerError, match=f"newer version .*its schema is {HEAD}, this version knows 0003"):
        older.set_fact("polar_organization_id", "other")
    monkeypatch.undo()

    assert ledger.fact("polar_organization_id") == "org"
    older.close()


def test_times_of_an_earlier_version_are_utc(ledger: Ledger, url: str) -> None:
    make_version(url, "0001")

    assert ledger.newest_passes(1)[0].began_at.utcoffset() == timedelta(0)
    with ledger._database.reading() as connection:
        assert (
            connection.execute(sa.text("SELECT count(*) FROM passes WHERE began_at < '2026-11-04'")).scalar_one() == 1
        )
