"""Attio's key is changed: what was written with the old one still counts as the sync's own."""

import pytest

from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline_tests.passes import stage as stages
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import living_in, newest_pass, undo, workspace

NEW_KEY = f"{ATTIO_TOKEN[:-4]}beef"


def test_nothing_is_written_again_and_values_of_the_old_key_are_replaced_and_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sandbox.attio.add_person(emails=["ada@example.com"], name="Ada Example")
    ada = stage.add("ada", **living_in("DE"))
    before = workspace(stage.sandbox.attio)
    stage.reconcile()
    first, writes = newest_pass(stage), stage.writes
    old = stage.sandbox.attio.tokens[ATTIO_TOKEN]
    stage.sandbox.attio.add_token(NEW_KEY, *old.scopes)
    old.active = False
    monkeypatch.setattr(stages, "ATTIO_TOKEN", NEW_KEY)

    stage.reconcile()
    assert stage.writes == writes
    stage.sandbox.polar.update_customer(ada.id, **living_in("FR"))
    stage.reconcile()
    assert stage.writes == writes + 1

    undo(stage)
    assert undo(stage, first).done.left == 0
    assert workspace(stage.sandbox.attio) == before
