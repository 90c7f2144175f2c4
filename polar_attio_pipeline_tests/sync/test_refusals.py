"""Which writes are not made again: those that were refused before, as long as nothing about them has changed."""

from dataclasses import replace

import pytest

from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.refusals import is_known, mark
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person

P1 = person("p1", "ada@example.com", polar_customer_id=ADA)
DUE = Plan(customer(), Match(Case.KNOWN, P1, (P1,)), Action.UPDATE, (Change("polar_country", None, "DE"),))


@pytest.mark.parametrize("partly", [False, True])
def test_what_was_refused_is_not_sent_again_whether_all_of_it_was_refused_or_a_part(partly: bool) -> None:
    before = mark(DUE, refused_in="workspace", partly=partly)

    assert is_known(DUE, before, refused_in="workspace")
    assert not is_known(DUE, before, refused_in="the workspace, set up anew")
    assert not is_known(replace(DUE, changes=(Change("polar_country", None, "FR"),)), before, refused_in="workspace")


def test_of_a_customer_without_a_refusal_nothing_is_known() -> None:
    assert not is_known(DUE, "", refused_in="workspace")


def test_a_refusal_of_a_part_is_another_one_once_something_else_is_left_empty() -> None:
    before = mark(DUE, refused_in="workspace", partly=True)

    assert not is_known(replace(DUE, left_empty={"polar_mrr": "why"}), before, refused_in="workspace")
