"""The attributes of people: what Polar's customer becomes in each."""

from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY, in_order
from polar_attio_pipeline.sync.mapping import Policy, Target, wanted
from polar_attio_pipeline.sync.records import Customer, Owner, PersonName, Value
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


def test_a_team_is_called_by_its_owners_name_never_by_its_own() -> None:
    team = customer(email=None, name="Acme, Inc.", owner=Owner("ada@example.com", "Ada Lovelace"))
    nameless = customer(email=None, name="Acme, Inc.", owner=Owner("ada@example.com", None))
    assert values(team, TARGETS)["name"] == PersonName("Ada", "Lovelace", "Ada Lovelace")
    assert "name" not in values(nameless, TARGETS)


def test_two_attributes_are_required_and_they_are_the_syncs_own() -> None:
    required = [attribute for attribute in ATTRIBUTES if attribute.required]
    assert [attribute.key for attribute in required] == ["polar_customer", "polar_customer_id"]
    assert {attribute.policy for attribute in required} == {Policy.ALWAYS}


def test_no_other_attribute_is_written_over_a_persons_typing() -> None:
    assert all(attribute.policy is not Policy.ALWAYS for attribute in ATTRIBUTES if not attribute.required)


def test_an_attribute_is_declared_once() -> None:
    assert len(BY_KEY) == len(ATTRIBUTES)
    assert all(attribute.types for attribute in ATTRIBUTES)


def test_attributes_are_listed_as_they_are_declared_and_those_of_a_setting_behind_them_by_name() -> None:
    assert in_order({"zeta", "polar_customer_id", "alpha", "polar_customer"}) == [
        "polar_customer",
        "polar_customer_id",
        "alpha",
        "zeta",
    ]
