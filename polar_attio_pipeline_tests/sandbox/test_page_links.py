import pytest

from polar_attio_pipeline.sandbox.page_links import Link, Links
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.world import Sandbox

ADA = "ada@analytical.example.com"


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox()
    made.attio.add_attribute("polar_customer_id")
    return made


@pytest.fixture
def ada(sandbox: Sandbox) -> Customer:
    return sandbox.polar.add_customer(email=ADA, name="Ada Lovelace")


def link(sandbox: Sandbox, customer: Customer) -> Link:
    return Links(sandbox).link(sandbox.polar.customers[customer.id])


def add_synced(sandbox: Sandbox, customer: Customer, *, name: str = "Ada Lovelace", email: str = ADA) -> str:
    values = {"polar_customer_id": customer.id}
    return sandbox.attio.add_person(emails=[email], name=name, values=values, actor="api-token")


def test_a_customer_whom_nobody_in_attio_is_is_absent(sandbox: Sandbox, ada: Customer) -> None:
    assert link(sandbox, ada) == Link("absent", None, ())


def test_a_person_with_its_id_its_address_and_its_name_is_the_customer(sandbox: Sandbox, ada: Customer) -> None:
    person = add_synced(sandbox, ada)

    assert link(sandbox, ada) == Link("in", person, ())


def test_a_person_with_its_address_in_another_case_is_found_and_lacks_the_id(sandbox: Sandbox, ada: Customer) -> None:
    person = sandbox.attio.add_person(emails=[ADA.upper()], name="Ada Lovelace")

    assert link(sandbox, ada) == Link("differs", person, ("the person holds no Polar id",))


def test_an_address_that_changed_in_polar_is_a_difference(sandbox: Sandbox, ada: Customer) -> None:
    person = add_synced(sandbox, ada)

    sandbox.polar.update_customer(ada.id, email="countess@analytical.example.com")

    note = "countess@analytical.example.com is not among the person's addresses"
    assert link(sandbox, ada) == Link("differs", person, (note,))


def test_another_name_by_the_api_is_a_difference(sandbox: Sandbox, ada: Customer) -> None:
    person = add_synced(sandbox, ada, name="Ada Byron")

    assert link(sandbox, ada) == Link("differs", person, ("the name in Attio is “Ada Byron”",))


@pytest.mark.parametrize(("actor", "by"), [("workspace-member", "typed by a person"), ("system", "from enrichment")])
def test_another_name_by_somebody_else_is_as_it_should_be(sandbox: Sandbox, ada: Customer, actor: str, by: str) -> None:
    person = add_synced(sandbox, ada)
    name = {"first_name": "Ada", "last_name": "Byron", "full_name": "Ada Byron"}

    sandbox.attio.edit_person(person, {"name": name}, actor=actor)  # type: ignore[arg-type]  # one of its literals

    assert link(sandbox, ada) == Link("in", person, (f"the name in Attio is “Ada Byron”, {by}",))


def test_an_address_in_the_place_of_a_name_is_compared_with_nothing(sandbox: Sandbox) -> None:
    customer = sandbox.polar.add_customer(email=ADA, name=ADA)
    person = sandbox.attio.add_person(emails=[ADA], values={"polar_customer_id": customer.id}, actor="api-token")

    assert link(sandbox, customer) == Link("in", person, ())


def test_a_team_is_known_by_its_owner(sandbox: Sandbox) -> None:
    team = sandbox.polar.add_customer(email=None, name="Initech", type="team")
    sandbox.polar.add_member(team.id, email=ADA, name="Ada Lovelace")
    person = add_synced(sandbox, team)

    assert link(sandbox, team) == Link("in", person, ())


def test_two_people_with_one_id_are_a_difference(sandbox: Sandbox, ada: Customer) -> None:
    add_synced(sandbox, ada)
    add_synced(sandbox, ada, email="countess@analytical.example.com")

    found = link(sandbox, ada)

    assert found.state == "differs"
    assert found.notes[0] == "2 people in Attio hold it"


def test_without_the_attribute_people_are_found_by_address_alone(sandbox: Sandbox, ada: Customer) -> None:
    person = add_synced(sandbox, ada)

    sandbox.attio.archive_attribute("polar_customer_id")

    assert link(sandbox, ada).person_id == person
    assert link(sandbox, ada).state == "differs"


def test_a_person_leads_to_its_customer_by_id_before_address(sandbox: Sandbox, ada: Customer) -> None:
    other = sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")
    add_synced(sandbox, ada, email="grace@example.org")
    record = next(iter(sandbox.attio.store.records(sandbox.attio.people_type).values()))

    assert Links(sandbox).customer_of(record) == ada
    assert Links(sandbox).customer_of(record) != other


def test_the_tally_counts_every_customer_once(sandbox: Sandbox, ada: Customer) -> None:
    add_synced(sandbox, ada)
    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")
    sandbox.attio.add_person(emails=["grace@example.org"], name="Grace Hopper")
    sandbox.polar.add_customer(email="alan@example.org", name="Alan Turing")

    assert Links(sandbox).tally() == {"in": 1, "differs": 1, "absent": 1}
