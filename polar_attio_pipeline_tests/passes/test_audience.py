"""Who is written cannot be judged without subscriptions: a pass then stops before its first write and says why."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.passes.stage import Stage

Run = Callable[[Stage], object]


def hourly(stage: Stage) -> object:
    return stage.hourly()


def reconciling(stage: Stage) -> object:
    return stage.reconcile()


def previewing(stage: Stage) -> object:
    return stage.preview()


def previewing_an_hour(stage: Stage) -> object:
    return stage.preview(0)


EACH = pytest.mark.parametrize("run", [hourly, reconciling, previewing, previewing_an_hour])


@EACH
@pytest.mark.parametrize("audience", [Audience.EVER_PAID, Audience.PAYS_NOW])
def test_without_the_scope_nothing_is_written_and_a_sentence_says_what_to_do(
    stage: Stage, run: Run, audience: Audience
) -> None:
    stage.add("ada")
    take_away(stage, "subscriptions")
    stage.rules = Rules(audience=audience)

    with pytest.raises(GuardError, match=rf"POLAR_ATTIO_WHO is {audience}, but the Polar token lacks the scope subscr"):
        run(stage)

    assert stage.writes == 0


@EACH
def test_for_everybody_the_scope_is_not_needed(stage: Stage, run: Run) -> None:
    stage.add("ada")
    take_away(stage, "subscriptions")

    run(stage)


def test_the_excluded_are_counted_and_are_no_failures(stage: Stage) -> None:
    stage.add("ada")
    stage.rules = Rules(audience=Audience.EVER_PAID)

    report = stage.reconcile()

    assert report.counts == {Result.EXCLUDED: 1}
    assert not report.notable
    assert stage.writes == 0
    assert stage.ledger.counts()[Result.EXCLUDED] == 1
    assert stage.ledger.unresolved(limit=None) == []


def test_what_is_excluded_again_writes_nothing_to_the_ledger(stage: Stage, tmp_path: Path) -> None:
    stage.add("ada")
    stage.rules = Rules(audience=Audience.EVER_PAID)
    stage.reconcile()
    before = row_of_ledger(tmp_path)

    stage.reconcile()

    assert before[:2] == ("excluded", "pass-1")
    assert row_of_ledger(tmp_path) == before


def row_of_ledger(folder: Path) -> tuple[Any, ...]:
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        ((outcome, pass_id, changed_at, tried_at),) = connection.execute(
            "SELECT outcome, pass_id, changed_at, tried_at FROM outcomes"
        ).fetchall()
        return outcome, pass_id, changed_at, tried_at


def test_while_subscriptions_cannot_be_read_a_new_customer_waits_and_is_tried_again(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.rules = Rules(audience=Audience.PAYS_NOW)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path="/v1/subscriptions/", status=500))

    stage.hourly()

    assert stage.person_of(ada.id) is None
    assert stage.ledger.to_retry(limit=10) == [ada.id]


def take_away(stage: Stage, what: str) -> None:
    token = stage.sandbox.polar.tokens[POLAR_TOKEN]
    # The scope to write a thing is one to read it too.
    token.scopes = token.scopes - {f"{what}:read", f"{what}:write"}
