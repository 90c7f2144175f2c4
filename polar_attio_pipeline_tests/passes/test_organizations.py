"""Two Polar organizations in one Attio workspace: with slugs and ledgers of their own, neither touches the other's."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline.passes.companies import CompanyRules, sync_companies
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES, COMPANY_BY_KEY
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.passes.company_stage import SLUGS, Companies
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import newest_pass, undo
from polar_attio_pipeline_tests.passes.uninstalling import take_out

PREFIX = "acme_"


class Second(Stage):
    """Another organization, whose customers come to the workspace of a first one."""

    def __init__(self, folder: Path, first: Stage) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.sandbox = first.sandbox
        self.polar_token = OTHER_POLAR_TOKEN
        self.world = first.sandbox.polar.add_organization()

    def use_own_slugs(self) -> None:
        """Give the workspace attributes of its own, as `setup` does with other slugs."""
        self.slug_prefix = PREFIX
        add_attributes(
            self.sandbox.attio, [replace(one, key=PREFIX + one.key) for one in ATTRIBUTES if not one.standard]
        )

    def add(self, who: str, **fields: Any) -> Customer:
        return self.world.add_customer(email=f"{who}@example.com", created_at=self.here, **fields)


@pytest.fixture
def other(stage: Stage, tmp_path: Path) -> Iterator[Second]:
    second = Second(tmp_path / "other", stage)
    yield second
    second.ledger.close()


def values(stage: Stage, who: str) -> dict[str, Any]:
    (found,) = (one for one in stage.sandbox.attio.people() if f"{who}@example.com" in one.emails)
    return dict(found.values)


def test_with_slugs_of_their_own_each_keeps_its_own_and_one_person_may_be_a_customer_of_both(
    stage: Stage, other: Second
) -> None:
    other.use_own_slugs()
    ours, theirs = stage.add("both"), other.add("both")
    stage.add("ada")
    other.add("bob")

    stage.reconcile()
    other.reconcile()

    held = values(stage, "both")
    assert (held["polar_customer_id"], held["acme_polar_customer_id"]) == (ours.id, theirs.id)
    assert "acme_polar_customer" not in values(stage, "ada")
    assert "polar_customer" not in values(stage, "bob")
    writes = stage.writes
    stage.reconcile()
    other.reconcile()
    assert stage.writes == writes


def test_one_of_them_is_uninstalled_or_undone_and_the_other_has_nothing_to_write(stage: Stage, other: Second) -> None:
    other.use_own_slugs()
    stage.add("both")
    theirs = other.add("both")
    stage.reconcile()
    other.reconcile()
    name = newest_pass(other)

    taken = take_out(stage)

    held = values(stage, "both")
    assert "polar_customer_id" not in held
    assert held["acme_polar_customer_id"] == theirs.id
    assert (taken.done.strangers, taken.done.left) == (0, 0)
    writes = stage.writes
    other.reconcile()
    assert stage.writes == writes
    undo(other, name)
    assert "acme_polar_customer_id" not in values(stage, "both")


def sync_companies_of(stage: Stage, slugs: Mapping[str, str]) -> None:
    async def run() -> None:
        async with stage.context() as context:
            await sync_companies(context, CompanyRules(slugs, frozenset()))

    stage.reconcile()
    asyncio.run(run())


def test_one_company_has_the_numbers_of_both_and_loses_only_those_of_the_one_that_is_uninstalled(
    stage: Stage, other: Second
) -> None:
    other.use_own_slugs()
    companies, own = Companies(stage), {key: PREFIX + key for key in COMPANY_BY_KEY}
    add_attributes(
        stage.sandbox.attio, [replace(one, key=own[one.key]) for one in COMPANY_ATTRIBUTES], object_slug="companies"
    )
    companies.customer("ada@acme.com", mrr=900)
    other.world.add_customer(email="bob@acme.com", created_at=other.here)
    other.world.add_customer(email="cleo@acme.com", created_at=other.here)
    both = [(stage, SLUGS), (other, own)]

    for one, slugs in both:
        sync_companies_of(one, slugs)

    held = companies.of("acme.com").values
    assert (held["polar_customer_count"], held["acme_polar_customer_count"]) == (1, 2)
    writes = stage.writes
    for one, slugs in both:
        sync_companies_of(one, slugs)
    assert stage.writes == writes

    taken = take_out(stage)

    left = companies.of("acme.com").values
    assert {key for key in left if key.startswith("polar_")} == set()
    assert (left["acme_polar_customer"], left["acme_polar_customer_count"]) == (True, 2)
    assert taken.done.left == 0
    writes = stage.writes
    sync_companies_of(other, own)
    assert stage.writes == writes


def test_with_the_same_slugs_the_second_one_is_refused_before_its_first_write(stage: Stage, other: Second) -> None:
    stage.add_many(6)
    other.add("bob")
    stage.reconcile()
    writes = stage.writes

    with pytest.raises(GuardError, match="are unknown to the organization of POLAR_ACCESS_TOKEN"):
        other.reconcile()

    assert stage.writes == writes


def test_with_the_same_ledger_the_second_one_is_refused_before_its_first_write(stage: Stage, other: Second) -> None:
    other.use_own_slugs()
    stage.add("ada")
    other.add("bob")
    stage.reconcile()
    other.ledger.close()
    other.ledger = stage.ledger
    writes = stage.writes

    with pytest.raises(GuardError, match="belongs to the Polar organization"):
        other.reconcile()

    assert stage.writes == writes
