"""Customers, people and targets for the tests of the heart: everything has a default, a test names what it is about."""

from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.sync.mapping import Policy, Target, wanted
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Customer, Person, Value
from polar_attio_pipeline_tests.attributes import TARGETS

SPRING = datetime(2026, 4, 1, 12, tzinfo=UTC)
ADA = "ada00000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"


def customer(customer_id: str = ADA, email: str | None = "ada@example.com", **fields: Any) -> Customer:
    defaults: dict[str, Any] = {
        "created_at": SPRING,
        "name": "Ada Lovelace",
        "type": "individual" if email else "team",
        "organization_id": "0c000000-0000-4000-8000-000000000000",
        "external_id": None,
        "country": None,
        "url": f"https://polar.sh/dashboard/acme/customers/{customer_id}",
        "read_at": SPRING,
    }
    return Customer(id=customer_id, email=email, **(defaults | fields))


def person(record_id: str, *emails: str, actor: Actor = "api-token", **values: Value) -> Person:
    held = {key: CurrentValue(value, actor) for key, value in values.items()}
    return Person(record_id, f"https://app.attio.com/acme/person/{record_id}", emails, held)


def in_step(record_id: str, one: Customer, *emails: str) -> Person:
    """The person as a pass leaves it, with these addresses beside the customer's own."""
    values = {key: CurrentValue(value, "api-token") for key, value in wanted(one, TARGETS).values.items() if value}
    addresses = ([one.address.lower()] if one.address else []) + list(emails)
    return Person(record_id, f"https://app.attio.com/acme/person/{record_id}", tuple(addresses), values)


def target(key: str, policy: Policy | None = None) -> Target:
    """One attribute as the workspace has it; under another policy if given."""
    found = next(target for target in TARGETS if target.attribute.key == key)
    if policy is None:
        return found
    attribute = found.attribute
    changed = {name: getattr(attribute, name) for name in attribute.__slots__} | {"policy": policy}
    return Target(type(attribute)(**changed), found.type)


def planned(action: Action, case: Case, *involved: Person, changed: str | None = None) -> Plan:
    """A plan for Ada, as matching and planning would hand it on."""
    sure = action in {Action.UPDATE, Action.KEEP}
    changes = (Change(changed, None, ADA),) if changed else ()
    return Plan(customer(), Match(case, involved[0] if sure else None, involved), action, changes)
