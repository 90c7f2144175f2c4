"""The page about the history states the tables as they are, and each of its queries runs."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.schema import CHANGES, INTENTS, PASSES
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.ledger.builders import carry_out

PAGE = (ROOT / "docs" / "history.md").read_text()
OF_POSTGRES = "::json"
QUERIES = [
    query.strip()
    for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    for query in block.split(";")
    if query.strip() and OF_POSTGRES not in query
]


@pytest.mark.parametrize("table", [CHANGES, PASSES, INTENTS], ids=str)
def test_every_column_has_its_line_and_every_line_its_column(table: sa.Table) -> None:
    (section,) = re.findall(rf"^## {table.name}: .*?(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    columns = section.split("###")[0]

    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", columns, re.MULTILINE)))

    assert sorted(named) == sorted(column.name for column in table.columns)


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_runs_and_finds_something(tmp_path: Path, query: str) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    values = (WrittenValue("polar_status", "Trialing", "api-token", "Paying"),)
    ledger.begin_pass("p1", kind="hourly", reason="test")
    with ledger.recording("p1") as recorder:
        carry_out(recorder, Write("ada", "r1", values, action=WriteAction.CREATE))
        recorder.intend([Intent("bob", "r2", values)])
    shown = query.replace("6f1c...", "ada").replace("'...'", "'p1'").replace("2026-11-01", "2020-01-01")

    with ledger._database.reading() as connection:
        assert connection.execute(sa.text(shown.replace("2026-12-01", "2100-01-01"))).all()
    ledger.close()


def test_the_examples_are_several() -> None:
    assert len(QUERIES) == 6
