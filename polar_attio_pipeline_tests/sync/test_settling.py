"""A customer and the person who holds its id: whether the customer needs anything, judged from the two alone."""

from dataclasses import replace

import pytest

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import ValueType
from polar_attio_pipeline.sync.settling import Settling
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import customer, in_step, target


@pytest.mark.parametrize(("name", "split"), [("Ada Lovelace", []), (" Ada  Lovelace", []), ("Ada King", ["Ada King"])])
def test_a_name_that_the_person_holds_whole_is_not_split_again(name: str, split: list[str]) -> None:
    asked: list[str | None] = []
    counting = replace(target("name").attribute, value=lambda one: asked.append(one.person_name))
    judged = Settling((*TARGETS, Target(counting, ValueType.NAME)), overwrite_typed=False)

    judged.left_empty(customer(name=name), in_step("p1", customer()))

    assert asked == split


def test_a_name_of_which_polar_says_nothing_stays_and_needs_nothing() -> None:
    judged = Settling(TARGETS, overwrite_typed=False)

    assert judged.left_empty(customer(name=None), in_step("p1", customer())) == {}


def test_a_type_that_the_workspace_has_no_attribute_for_is_not_asked_for() -> None:
    targets = tuple(target for target in TARGETS if target.attribute.key != "polar_customer_type")
    judged = Settling(targets, overwrite_typed=False)
    held = in_step("p1", customer(type=None))

    assert judged.left_empty(customer(type=None), held) == {}
    assert judged.without_type == set()
