"""Ledgers of earlier versions: made by the migrations of then, with rows in the form that those versions wrote."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.migrations.upgrade import context_of, scripts
from polar_attio_pipeline.ledger.schema import CHANGES, FACTS, OUTCOMES, PASSES, REVISIONS

EARLIER = REVISIONS[:-1]

_LEASE = {"0001": ("what", "beat", "turn", "free_turn")}
"""The columns of the lease and of snapshots that have other names since; those of now for all later versions."""
_LEASE_NOW = ("activity", "heartbeats", "fencing_token", "free_lease_token")

_NOON = "'2026-11-03 12:00:00'"


def make_version(url: str, revision: str) -> None:
    """Make a ledger of a version, with a row in every table that the version has."""
    ledger = _empty(url, revision)
    activity, heartbeats, token, free_token = _LEASE.get(revision, _LEASE_NOW)
    statements = [
        "INSERT INTO outcomes (polar_customer_id, email, outcome, attio_record_id, changed_at, tried_at, pass_id) "
        f"VALUES ('ada', 'ada@example.com', 'created', 'r1', {_NOON}, {_NOON}, 'p1')",
        "INSERT INTO passes (pass_id, kind, reason, began_at, ended_at, ended, counts, requests) "
        f"""VALUES ('p1', 'hourly', 'a schedule', {_NOON}, {_NOON}, 'finished', '{{"created": 1}}', 7)""",
        "INSERT INTO facts (name, value) VALUES ('polar_organization_id', 'org')",
        f"INSERT INTO confirmations (name, confirmed_at) VALUES ('organization', {_NOON})",
        f"UPDATE lease SET owner = 'host/1', {activity} = 'a pass', {heartbeats} = 3, {token} = 7",
        f"INSERT INTO snapshot_hours (hour, run_id, read_at, polar_read_at, {free_token}) "
        f"VALUES ({_NOON}, 'run', {_NOON}, {_NOON}, 6)",
        f"INSERT INTO polar_customers (hour, position, id, email, created_at, read_at) "
        f"VALUES ({_NOON}, 0, 'ada', 'ada@example.com', {_NOON}, {_NOON})",
    ]
    if revision >= "0002":
        statements.append(
            "INSERT INTO changes (id, pass_id, written_at, object, record_id, polar_customer_id, attribute, old_value, "
            f"old_actor, new_value) VALUES (1, 'p1', {_NOON}, 'people', 'r1', 'ada', 'polar_country', "
            """'{"type": "text", "value": "DE"}', 'workspace-member', '{"type": "text", "value": "FR"}')"""
        )
    if revision >= "0003":
        statements.append("""UPDATE polar_customers SET mapped = '[["metadata.tier", "pro"]]'""")
    with ledger._database._begun(writes=True) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    ledger.close()


def as_version(source: Ledger, url: str, revision: str) -> Ledger:
    """Make a ledger of a version that holds what passes have put on record in another one, as far as it has columns."""
    made = _empty(url, revision)
    with source._database.reading() as reading, made._database._begun(writes=True) as writing:
        for table in (OUTCOMES, PASSES, FACTS, CHANGES):
            if sa.inspect(writing).has_table(table.name):
                columns = {column["name"] for column in sa.inspect(writing).get_columns(table.name)}
                _insert(writing, table, (dict(row) for row in reading.execute(sa.select(table)).mappings()), columns)
    return made


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]], columns: set[str]) -> None:
    kept = [{name: value for name, value in row.items() if name in columns} for row in rows]
    if kept:
        connection.execute(sa.insert(table), kept)


def _empty(url: str, revision: str) -> Ledger:
    ledger = Ledger(url)
    with ledger._database._begun(writes=True) as connection:
        context, directory = context_of(connection), scripts()
        for one in REVISIONS[: REVISIONS.index(revision) + 1]:
            script = directory.get_revision(one)
            assert script
            script.module.upgrade(Operations(context))
            context.stamp(directory, one)
    return ledger
