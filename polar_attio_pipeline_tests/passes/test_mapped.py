"""Attributes that a setting maps, from Polar to Attio: in each pass, over what people typed, and with bad values."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.preview_rows import rows
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.outcomes import Outcome, Reason
from polar_attio_pipeline_tests.passes.stage import Stage

Run = Callable[[Stage], object]


def hourly(stage: Stage) -> object:
    return stage.hourly()


def reconciling(stage: Stage) -> object:
    return stage.reconcile()


EACH_PASS = pytest.mark.parametrize("run", [hourly, reconciling], ids=["hourly", "reconciliation"])


def held(stage: Stage, customer: Customer, slug: str = "plan_tier") -> Any:
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get(slug)


def type_in(stage: Stage, customer: Customer, value: str) -> None:
    person = stage.person_of(customer.id)
    assert person is not None
    stage.sandbox.attio.edit_person(person.id, {"plan_tier": value})


def rename(stage: Stage, customer: Customer, tier: object) -> None:
    stage.sandbox.polar.update_customer(customer.id, metadata={"tier": tier})


@EACH_PASS
def test_every_type_arrives_and_a_second_pass_writes_nothing(stage: Stage, run: Run) -> None:
    stage.map(
        plan_tier={"from": "metadata.tier"},
        seats={"from": "metadata.seats", "type": "number"},
        beta={"from": "metadata.beta", "type": "checkbox"},
        renewal={"from": "metadata.renewal", "type": "date"},
        signed_at={"from": "metadata.signed at", "type": "timestamp"},
        level={"from": "metadata.level", "type": "select", "options": ["Gold"]},
        vat_id={"from": "tax_id"},
        city={"from": "billing_address.city"},
    )
    metadata = {
        "tier": "pro", "seats": 2.5, "beta": "true", "renewal": "2026-12-24", "signed at": "2026-11-30T12:00:00Z",
        "level": "Gold", "private": "not wanted",
    }  # fmt: skip
    address = {"city": "Lyon", "country": "FR"}
    ada = stage.add("ada", metadata=metadata, tax_id=("FR61954506077", "eu_vat"), billing_address=address)

    run(stage)

    person = stage.person_of(ada.id)
    assert person is not None
    assert person.values.items() >= {
        "plan_tier": "pro", "beta": True, "renewal": "2026-12-24", "level": "Gold", "vat_id": "FR61954506077",
        "city": "Lyon",
    }.items()  # fmt: skip
    assert Decimal(str(person.values["seats"])) == Decimal("2.5")
    assert str(person.values["signed_at"]).startswith("2026-11-30T12:00:00")
    writes = stage.writes
    run(stage)
    assert stage.writes == writes


def test_readings_of_the_export_of_pages_and_of_one_customer_agree(stage: Stage) -> None:
    stage.map(
        plan_tier={"from": "metadata.tier"}, rate={"from": "metadata.rate"}, region={"from": "billing_address.state"}
    )
    address = {"state": "US-CA", "country": "US"}
    customers = [
        stage.add(f"c{number}", metadata={"tier": tier, "rate": 12.0}, billing_address=address)
        for number, tier in enumerate(["pro", 3, 1.5, True, " free "])
    ]
    stage.reconcile()
    writes = stage.writes

    async def change() -> None:
        async with stage.context() as context:
            await sync_changed(context, [one.id for one in customers])

    stage.hourly()
    stage.run(change())
    stage.reconcile()

    assert stage.writes == writes
    assert [held(stage, one) for one in customers] == ["pro", "3", "1.5", "true", "free"]
    assert {held(stage, one, "rate") for one in customers} == {"12"}


@EACH_PASS
def test_changed_metadata_are_followed_and_removed_ones_leave_what_is_there(stage: Stage, run: Run) -> None:
    stage.map(plan_tier={"from": "metadata.tier"})
    ada = stage.add("ada", metadata={"tier": "free"})
    run(stage)

    rename(stage, ada, "pro")
    run(stage)
    assert held(stage, ada) == "pro"

    stage.sandbox.polar.update_customer(ada.id, metadata={})
    writes = stage.writes
    run(stage)
    assert held(stage, ada) == "pro"
    assert stage.writes == writes


@EACH_PASS
@pytest.mark.parametrize(("policy", "after"), [("unless typed", "typed"), ("always", "max"), ("when empty", "typed")])
def test_the_policy_decides_over_what_a_person_typed(stage: Stage, run: Run, policy: str, after: str) -> None:
    stage.map(plan_tier={"from": "metadata.tier", "policy": policy})
    ada = stage.add("ada", metadata={"tier": "pro"})
    run(stage)
    type_in(stage, ada, "typed")
    rename(stage, ada, "max")

    run(stage)

    assert held(stage, ada) == after
    writes = stage.writes
    run(stage)
    assert stage.writes == writes


def test_what_is_only_filled_is_filled_once_and_again_when_somebody_has_cleared_it(stage: Stage) -> None:
    stage.map(plan_tier={"from": "metadata.tier", "policy": "when empty"})
    ada = stage.add("ada", metadata={"tier": "pro"})
    stage.reconcile()
    rename(stage, ada, "max")
    stage.reconcile()
    assert held(stage, ada) == "pro"
    assert not list(rows(stage.preview()))

    person = stage.person_of(ada.id)
    assert person is not None
    stage.sandbox.attio.clear_value(person.id, "plan_tier")
    stage.reconcile()

    assert held(stage, ada) == "max"


def test_a_value_of_the_wrong_type_is_left_empty_named_and_costs_nothing_else(stage: Stage) -> None:
    stage.map(seats={"from": "metadata.seats", "type": "number"}, plan_tier={"from": "metadata.tier"})
    ada = stage.add("ada", metadata={"seats": "many", "tier": "pro"})
    bob = stage.add("bob", metadata={"seats": 3})

    outcome: Outcome = stage.hourly().outcomes()[ada.id]

    assert outcome.reason is Reason.LEFT_EMPTY
    assert outcome.detail == "seats is left empty: Polar's metadata.seats is not a number."
    assert held(stage, ada) == "pro"
    assert held(stage, ada, "seats") is None
    assert held(stage, bob, "seats") == 3
    writes = stage.writes
    stage.reconcile()
    assert stage.writes == writes


def test_a_field_that_the_export_does_not_say_is_kept_by_it_and_written_by_other_passes(stage: Stage) -> None:
    stage.map(language={"from": "locale"})
    ada = stage.add("ada", locale="fr")
    # The newest hundred are read as a page as well, which says everything.
    stage.add_many(100, hour=1)
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, locale="de")

    stage.reconcile()
    assert held(stage, ada, "language") == "fr"

    stage.hourly()
    assert held(stage, ada, "language") == "de"


def test_a_preview_shows_mapped_attributes_after_all_others(stage: Stage) -> None:
    stage.map(plan_tier={"from": "metadata.tier"})
    stage.add("ada", metadata={"tier": "pro"})

    fields = [row["field"] for row in rows(stage.preview()) if row["new"] == "pro"]

    assert fields == ["plan_tier"]


def test_without_an_attribute_in_the_workspace_nothing_is_written_for_it(stage: Stage) -> None:
    stage.map(plan_tier={"from": "metadata.tier"})
    stage.sandbox.attio.archive_attribute("plan_tier")
    ada = stage.add("ada", metadata={"tier": "pro"})

    stage.reconcile()

    assert held(stage, ada) is None
