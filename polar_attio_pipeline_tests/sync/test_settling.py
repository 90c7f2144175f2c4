"""A customer and the person who holds its id: whether the customer needs anything, judged from the two alone."""

from polar_attio_pipeline.sync.settling import Settling
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import customer, in_step


def test_a_name_of_which_polar_says_nothing_stays_and_needs_nothing() -> None:
    judged = Settling(TARGETS, overwrite_typed=False)

    assert judged.left_empty(customer(name=None), in_step("p1", customer())) == {}


def test_a_type_that_the_workspace_has_no_attribute_for_is_not_asked_for() -> None:
    targets = tuple(target for target in TARGETS if target.attribute.key != "polar_customer_type")
    judged = Settling(targets, overwrite_typed=False)
    held = in_step("p1", customer(type=None))

    assert judged.left_empty(customer(type=None), held) == {}
    assert judged.without_type == set()
