"""Which Polar field goes where: one declaration, and only what Polar has something to say about."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from polar_attio_pipeline.sync.mapping import ATTRIBUTES, BY_KEY, Policy, Target, wanted
from polar_attio_pipeline.sync.records import Customer, Owner, PersonName, Value, ValueType
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, SPRING, customer


def values(of: Customer, targets: tuple[Target, ...]) -> dict[str, Value | None]:
    return wanted(of, targets).values


def test_every_attribute_of_a_customer_who_has_everything() -> None:
    ada = customer(external_id="user_1", country="GB")
    assert values(ada, TARGETS) == {
        "polar_customer": True,
        "polar_customer_id": ADA,
        "name": PersonName("Ada", "Lovelace", "Ada Lovelace"),
        "polar_customer_url": f"https://polar.sh/dashboard/acme/customers/{ADA}",
        "polar_customer_since": SPRING,
        "polar_external_id": "user_1",
        "polar_customer_type": "individual",
        "polar_country": "GB",
    }


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_what_polar_does_not_know_is_not_sent(nothing: str | None) -> None:
    said = values(customer(name=nothing, external_id=nothing, country=nothing), TARGETS)
    assert said.keys() == {
        "polar_customer", "polar_customer_id", "polar_customer_url", "polar_customer_since", "polar_customer_type"
    }  # fmt: skip


def test_only_what_the_workspace_has_is_sent() -> None:
    required = tuple(target for target in TARGETS if target.attribute.required)
    assert values(customer(), required) == {"polar_customer": True, "polar_customer_id": ADA}


def test_a_team_is_called_by_its_owners_name_never_by_its_own() -> None:
    team = customer(email=None, name="Acme, Inc.", owner=Owner("ada@example.com", "Ada Lovelace"))
    nameless = customer(email=None, name="Acme, Inc.", owner=Owner("ada@example.com", None))
    assert values(team, TARGETS)["name"] == PersonName("Ada", "Lovelace", "Ada Lovelace")
    assert "name" not in values(nameless, TARGETS)


def test_a_time_is_written_in_utc_and_as_a_day_where_the_workspace_has_a_date() -> None:
    late = datetime(2026, 4, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    since = BY_KEY["polar_customer_since"]
    as_time = values(customer(created_at=late), (Target(since, ValueType.TIMESTAMP),))
    as_day = values(customer(created_at=late), (Target(since, ValueType.DATE),))
    assert as_time == {"polar_customer_since": datetime(2026, 4, 2, 4, 30, tzinfo=UTC)}
    assert as_day == {"polar_customer_since": date(2026, 4, 2)}


def test_two_attributes_are_required_and_they_are_the_syncs_own() -> None:
    required = [attribute for attribute in ATTRIBUTES if attribute.required]
    assert [attribute.key for attribute in required] == ["polar_customer", "polar_customer_id"]
    assert {attribute.policy for attribute in required} == {Policy.ALWAYS}


def test_no_other_attribute_is_written_over_a_persons_typing() -> None:
    assert all(attribute.policy is not Policy.ALWAYS for attribute in ATTRIBUTES if not attribute.required)


def test_an_attribute_is_declared_once() -> None:
    assert len(BY_KEY) == len(ATTRIBUTES)
    assert all(attribute.types for attribute in ATTRIBUTES)
