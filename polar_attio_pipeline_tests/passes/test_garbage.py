"""How often Python looks for garbage during a pass."""

import gc

import pytest

from polar_attio_pipeline.passes.garbage import fewer_collections


def test_python_looks_less_often_during_a_pass_and_as_before_after_it() -> None:
    before = gc.get_threshold()

    with fewer_collections():
        during = gc.get_threshold()

    assert during[0] > 10 * before[0]
    assert gc.get_threshold() == before


def test_it_looks_as_before_after_a_pass_that_failed() -> None:
    before = gc.get_threshold()

    with pytest.raises(ValueError, match="pass"), fewer_collections():
        raise ValueError("the pass failed")

    assert gc.get_threshold() == before
