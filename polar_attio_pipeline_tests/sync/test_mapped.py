"""Attributes that a setting maps: what Polar says for each, and what they hold where it does not fit."""

from dataclasses import replace

import pytest

from polar_attio_pipeline.sync.mapped import Mapped
from polar_attio_pipeline.sync.mapping import Attribute, Policy, Target, Wanted, wanted
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan, plan
from polar_attio_pipeline.sync.records import Actor, Person, Scalar, ValueType
from polar_attio_pipeline_tests.sync.builders import customer, person

TIER = Mapped("plan_tier", "metadata.tier")


def target(mapped: Mapped = TIER, *options: str) -> Target:
    return Target(mapped.attribute(), mapped.type, options=frozenset(options))


def said(value: Scalar | None, mapped: Mapped = TIER, *options: str) -> Wanted:
    return wanted(customer(mapped=((mapped.source, value),)), (target(mapped, *options),))


def planned(value: Scalar, held: Person, policy: Policy, *, overwrite: bool = False) -> Plan:
    mapped = Mapped("plan_tier", "metadata.tier", policy=policy)
    ada = customer(mapped=(("metadata.tier", value),))
    return plan(ada, Match(Case.KNOWN, held), (target(mapped),), overwrite_typed=overwrite)


def test_each_attribute_takes_the_value_of_its_own_source() -> None:
    city = Mapped("city", "billing_address.city")
    ada = customer(mapped=(("billing_address.city", "London"), ("metadata.tier", "pro")))

    assert wanted(ada, (target(), target(city))).values == {"plan_tier": "pro", "city": "London"}


@pytest.mark.parametrize(
    ("source", "described"),
    [
        ("metadata.plan tier", "From the customer's metadata plan tier in Polar."),
        ("billing_address.city", "From the customer's billing_address.city in Polar."),
    ],
)
def test_setup_creates_what_the_entry_says(source: str, described: str) -> None:
    declared = Mapped("current_plan_tier", source, ValueType.SELECT, Policy.WHEN_EMPTY, ("Pro", "Max")).attribute()

    assert replace(declared, value=str) == Attribute(
        key="current_plan_tier",
        title="Current plan tier",
        description=f"{described} Kept by the Polar to Attio sync.",
        types=(ValueType.SELECT,),
        policy=Policy.WHEN_EMPTY,
        source=f"The customer's `{source}`.",
        value=str,
        options=("Pro", "Max"),
        declared_in="POLAR_ATTIO_ATTRIBUTES",
    )


@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_value_says_nothing_in_every_type(nothing: str) -> None:
    assert said(nothing) == said(nothing, Mapped("n", "metadata.n", ValueType.NUMBER)) == Wanted({}, {})


def test_what_polar_does_not_say_is_neither_written_nor_named() -> None:
    assert wanted(customer(), (target(),)) == Wanted({}, {})


def test_a_value_that_does_not_fit_costs_its_attribute_alone_and_is_named_without_the_value() -> None:
    seats = Mapped("seats", "metadata.seats", ValueType.NUMBER)
    ada = customer(mapped=(("metadata.seats", "many"), ("metadata.tier", "pro")))

    found = wanted(ada, (target(seats), target()))

    assert found.values == {"seats": None, "plan_tier": "pro"}
    assert found.left_empty == {"seats": "Polar's metadata.seats is not a number"}


def test_an_option_that_is_missing_is_named_with_who_makes_it() -> None:
    declared = Mapped("plan_tier", "metadata.tier", ValueType.SELECT, options=("Pro",))

    assert said("Pro", declared, "Pro").values == {"plan_tier": "Pro"}
    assert said("Pro", declared).left_empty["plan_tier"].endswith("no option Pro: run `polar-attio setup`")
    assert (
        said("Max", declared, "Pro").left_empty["plan_tier"].endswith("no option Max: add it to the attribute in Attio")
    )


@pytest.mark.parametrize(
    ("policy", "actor", "overwrite", "wins"),
    [
        (Policy.OVER_TYPING, "workspace-member", False, True),
        (Policy.OVER_TYPING, "app", False, True),
        (Policy.OVER_TYPING, "system", True, False),
        (Policy.UNLESS_TYPED, "workspace-member", False, False),
        (Policy.UNLESS_TYPED, "workspace-member", True, True),
        (Policy.UNLESS_TYPED, "api-token", False, True),
        (Policy.WHEN_EMPTY, "api-token", True, False),
        (Policy.WHEN_EMPTY, "workspace-member", True, False),
    ],
)
def test_the_policy_decides_whether_polar_wins(policy: Policy, actor: Actor, *, overwrite: bool, wins: bool) -> None:
    held = person("p1", "ada@example.com", actor=actor, plan_tier="free")

    decided = planned("pro", held, policy, overwrite=overwrite)

    assert decided.action is (Action.UPDATE if wins else Action.KEEP)
    assert decided.changes == ((Change("plan_tier", "free", "pro"),) if wins else ())


def test_a_value_that_is_only_filled_is_no_difference_that_is_left_alone() -> None:
    held = person("p1", "ada@example.com", plan_tier="free")
    seats = Mapped("plan_tier", "metadata.tier", ValueType.NUMBER, Policy.WHEN_EMPTY)
    ada = customer(mapped=(("metadata.tier", "many"),))

    decided = plan(ada, Match(Case.KNOWN, held), (target(seats),), overwrite_typed=False)

    assert (decided.action, decided.kept, decided.left_empty) == (Action.KEEP, (), {})
    assert planned("pro", held, Policy.WHEN_EMPTY).kept == ()


def test_what_an_earlier_pass_wrote_is_cleared_when_polars_value_does_not_fit_any_more() -> None:
    seats = Mapped("seats", "metadata.seats", ValueType.NUMBER)
    ada = customer(mapped=(("metadata.seats", "many"),))
    ours = plan(ada, Match(Case.KNOWN, person("p1", seats="5")), (target(seats),), overwrite_typed=True)
    typed = person("p1", actor="workspace-member", seats="5")

    assert ours.changes == (Change("seats", "5", None),)
    assert plan(ada, Match(Case.KNOWN, typed), (target(seats),), overwrite_typed=True).changes == ()
