"""The oracle sees what is wrong, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline_tests.faults.oracle import Said, judge
from polar_attio_pipeline_tests.sync.both_sides import new_sandbox

LONG = timedelta(hours=1)


class Stage:
    """Ada is a customer, and in Attio just as she should be."""

    def __init__(self) -> None:
        sandbox = new_sandbox()
        self.polar: PolarWorld = sandbox.polar
        self.attio: AttioWorld = sandbox.attio
        self.clock: Clock = sandbox.clock
        self.ada = self.polar.add_customer(email="Ada@example.com", name="Ada Lovelace", external_id="user_1")
        self.person = self.add(self.ada, "ada@example.com")

    @property
    def said(self) -> Said:
        return {row.id: [row] for row in [*self.polar.customers.values(), *self.polar.deleted.values()]}

    def add(self, row: Customer, email: str) -> str:
        values = {
            "polar_customer": True,
            "polar_customer_id": row.id,
            "polar_customer_url": f"https://polar.sh/dashboard/sandbox/customers/{row.id}",
            "polar_customer_since": row.created_at.isoformat(),
            "polar_external_id": row.external_id or [],
            "polar_customer_type": "individual",
        }
        return self.attio.add_person(emails=[email], name=row.name, values=values, actor="api-token")

    def edit(self, values: dict[str, object], actor: str) -> None:
        self.clock.shift(LONG)
        self.attio.edit_person(self.person, values, actor=actor)  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def kinds(stage: Stage) -> set[str]:
    verdict = judge(stage.polar, stage.attio, stage.said)
    return {kind for kind in ("lost", "doubled", "wrong", "overwritten", "raced") if getattr(verdict, kind)}


def test_a_true_workspace_has_nothing_wrong(stage: Stage) -> None:
    assert kinds(stage) == set()


def test_somebody_without_a_person_is_lost(stage: Stage) -> None:
    stage.polar.add_customer(email="bob@example.com", name="Bob")

    assert kinds(stage) == {"lost"}


@pytest.mark.parametrize("email", ["bob@mail.test", "0f@anonymized.polar.sh", None])
def test_whom_attio_cannot_take_is_not_lost(stage: Stage, email: str | None) -> None:
    stage.polar.add_customer(email=email, name="Bob", type="individual" if email else "team")

    assert kinds(stage) == set()


def test_two_people_with_one_id_are_doubled(stage: Stage) -> None:
    stage.add(stage.ada, "ada@example.org")

    assert "doubled" in kinds(stage)


def test_a_person_of_nobody_is_doubled(stage: Stage) -> None:
    stage.attio.add_person(emails=["nobody@example.com"], actor="api-token")

    assert "doubled" in kinds(stage)


def test_what_the_team_adds_is_its_own_business(stage: Stage) -> None:
    stage.attio.add_person(emails=["friend@example.com"], name="A Friend")

    assert kinds(stage) == set()


@pytest.mark.parametrize("values", [{"polar_external_id": "made up"}, {"polar_customer": False}, {"name": "Eve"}])
def test_a_value_that_polar_never_said_is_wrong(stage: Stage, values: dict[str, object]) -> None:
    stage.edit(values, "api-token")

    assert kinds(stage) == {"wrong"}


def test_a_value_that_polar_no_longer_says_is_wrong(stage: Stage) -> None:
    before = stage.ada
    stage.polar.update_customer(before.id, name="Ada King")
    said = {before.id: [before, *stage.said[before.id]]}

    assert judge(stage.polar, stage.attio, said).wrong


def test_a_missing_address_is_wrong(stage: Stage) -> None:
    stage.edit({"email_addresses": ["elsewhere@example.com"]}, "workspace-member")

    assert kinds(stage) == {"wrong"}


@pytest.mark.parametrize("actor", ["workspace-member", "system"])
def test_what_a_human_typed_or_attio_enriched_is_not_wrong(stage: Stage, actor: str) -> None:
    stage.edit({"polar_external_id": "typed"}, actor)

    assert kinds(stage) == set()


def test_typing_that_was_written_over_is_seen_even_if_the_new_value_is_true(stage: Stage) -> None:
    stage.edit({"polar_external_id": "typed"}, "workspace-member")
    stage.edit({"polar_external_id": "user_1"}, "api-token")

    assert kinds(stage) == {"overwritten"}


def test_typing_into_a_write_under_way_is_a_race(stage: Stage) -> None:
    stage.edit({"polar_external_id": "typed"}, "workspace-member")
    stage.clock.shift(timedelta(seconds=1) - LONG)
    stage.edit({"polar_external_id": "user_1"}, "api-token")

    assert kinds(stage) == {"raced"}


def test_a_value_that_was_cleared_may_be_filled_again(stage: Stage) -> None:
    stage.edit({"polar_external_id": []}, "workspace-member")
    stage.edit({"polar_external_id": "user_1"}, "api-token")

    assert kinds(stage) == set()


def test_a_person_taken_from_a_living_customer_is_seen(stage: Stage) -> None:
    bob = stage.polar.add_customer(email="bob@example.com", name=None, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    stage.edit({"polar_customer_id": bob.id}, "api-token")

    assert {"lost", "wrong"} <= kinds(stage)


def test_a_person_may_pass_on_from_a_customer_who_is_gone(stage: Stage) -> None:
    stage.polar.delete_customer(stage.ada.id)
    again = stage.polar.add_customer(
        email="ada@example.com", name="Ada Lovelace", created_at=stage.ada.created_at, external_id="user_1"
    )
    url = f"https://polar.sh/dashboard/sandbox/customers/{again.id}"
    stage.edit({"polar_customer_id": again.id, "polar_customer_url": url}, "api-token")

    assert kinds(stage) == set()
