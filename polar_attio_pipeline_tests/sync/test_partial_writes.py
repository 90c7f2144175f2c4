"""A value that Attio refuses costs that value alone."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer as Row
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.partial_writes import Carried, Refusal, write_what_is_taken
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.ports import NoHistory, RecordRefusedError, UnavailableError
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.status import Status
from polar_attio_pipeline.sync.writes import Write
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect, new_sandbox
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person
from polar_attio_pipeline_tests.sync.fakes import Attio

PEOPLE = "/v2/objects/people/records"


@dataclass
class Ledger(NoHistory):
    """What is on record of a pass: refusals, and what was written."""

    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    written: list[list[str]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    def record_ids(self, customer_ids: Collection[str]) -> Mapping[str, str]:  # as the protocol
        return {}

    def refusals(self, customer_ids: Collection[str]) -> Mapping[str, tuple[str, str]]:
        return {one: self.refused[one] for one in customer_ids if one in self.refused}

    def links(self, record_ids: Collection[str]) -> Mapping[str, str]:
        return {}

    def settle(self, intent: Intent, *writes: Write) -> None:
        keys = [value.key for write in writes for value in write.values]
        order = [value.key for value in intent.values]
        if keys:
            self.written.append(sorted(keys, key=order.index))
        self.writes += writes

    def keys_written(self) -> list[list[str]]:
        """The attributes that were written for each customer since the last call."""
        keys = [*self.written]
        self.written.clear()
        return keys


@dataclass
class Scene:
    """One customer, passes over it, and a ledger between them."""

    both: BothSides
    row: Row
    ledger: Ledger = field(default_factory=Ledger)
    billing: Billing | None = None
    day: str = "today"

    @property
    def services(self) -> Services:
        return replace(self.both.services, memory=self.ledger, history=self.ledger, refused_in=self.day)

    async def customers(self) -> Iterable[Customer]:
        book = await self.both.customers()
        return [replace(customer, billing=self.billing) for customer in book.values()]

    async def one_pass(self) -> tuple[Outcome, int]:
        """Sync, and return the outcome and the number of writes that were sent."""
        self.both.requests()
        await sync(await self.customers(), self.services, self.both.record)
        outcome = self.both.outcomes()[self.row.id]
        self.ledger.refused.pop(self.row.id, None)
        if outcome.fingerprint:
            self.ledger.refused[self.row.id] = (outcome.fingerprint, outcome.detail or "")
        return outcome, self.both.requests()[1]


@pytest.fixture
def scene(both: BothSides) -> Scene:
    row = both.polar.add_customer(email="ada@example.com", name="Ada Lovelace", billing_address={"country": "GB"})
    return Scene(both, row)


@pytest.fixture
async def billed() -> AsyncIterator[Scene]:
    """A customer who pays, in a workspace that has a select and a currency attribute for that."""
    sandbox = new_sandbox()
    add_attributes(sandbox.attio, [BY_KEY["polar_status"], BY_KEY["polar_mrr"]])
    async with connect(sandbox) as both:
        row = both.polar.add_customer(email="ada@example.com", name="Ada Lovelace")
        yield Scene(both, row, billing=Billing(Status.PAYING, mrr=(Money(1990, "USD"),)))


async def test_a_refused_value_of_a_new_person_is_left_out_and_named_and_the_rest_is_written(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")

    outcome, writes = await scene.one_pass()

    assert (outcome.result, outcome.reason, writes) == (Result.CREATED, Reason.PARTLY_REFUSED, 2)
    assert outcome.detail == (
        'Attio refused polar_country: An invalid value was passed to attribute with slug "polar_country". Correct the '
        "value in Polar, or the attribute in Attio: it is sent again when one of them has changed, and once a day."
    )
    assert "polar_country" not in outcome.changed
    values = scene.both.person_of(scene.row.id).values
    assert (values["polar_customer"], values["name"]) == (True, "Ada Lovelace")
    assert "polar_country" not in values


async def test_what_attio_refuses_for_ever_is_not_sent_by_every_pass(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    first, _ = await scene.one_pass()

    for _ in range(3):
        outcome, writes = await scene.one_pass()
        assert (outcome.result, writes) == (Result.UNCHANGED, 0)
        assert (outcome.reason, outcome.detail) == (first.reason, first.detail)
        assert outcome.changed == ()


async def test_it_is_sent_once_more_the_next_day_and_then_when_the_value_has_changed(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    await scene.one_pass()
    scene.day = "tomorrow"
    sent = [(await scene.one_pass())[1] for _ in range(2)]
    scene.both.polar.update_customer(scene.row.id, billing_address={"country": "NL"})
    sent += [(await scene.one_pass())[1] for _ in range(2)]

    assert sent == [1, 0, 1, 0]


async def test_it_is_written_as_soon_as_attio_takes_it_on_another_day(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    await scene.one_pass()
    scene.both.attio.accept_values("polar_country")
    scene.day = "tomorrow"

    outcome, writes = await scene.one_pass()

    assert (outcome.result, outcome.reason, outcome.detail, writes) == (Result.UPDATED, None, None, 1)
    assert scene.both.person_of(scene.row.id).values["polar_country"] == "GB"


async def test_another_value_that_changes_is_written_although_one_is_refused(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    await scene.one_pass()
    scene.both.polar.update_customer(scene.row.id, name="Ada King")

    outcome, _ = await scene.one_pass()
    again, writes = await scene.one_pass()

    assert (outcome.result, outcome.reason, outcome.changed) == (Result.UPDATED, Reason.PARTLY_REFUSED, ("name",))
    assert scene.both.person_of(scene.row.id).values["name"] == "Ada King"
    assert (again.result, again.reason, writes) == (Result.UNCHANGED, Reason.PARTLY_REFUSED, 0)


async def test_two_refused_values_are_both_named_and_the_rest_is_written(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    scene.both.attio.refuse_values("name")

    outcome, writes = await scene.one_pass()
    again, writes_again = await scene.one_pass()

    assert (outcome.result, outcome.reason, writes) == (Result.CREATED, Reason.PARTLY_REFUSED, 3)
    assert outcome.detail is not None
    assert "Attio refused name: " in outcome.detail
    assert "Attio refused polar_country: " in outcome.detail
    assert scene.both.person_of(scene.row.id).values["polar_customer"] is True
    assert (again.result, again.detail, writes_again) == (Result.UNCHANGED, outcome.detail, 0)


async def test_a_known_person_of_whom_nothing_else_differs_is_unchanged(scene: Scene) -> None:
    await scene.one_pass()
    scene.ledger.keys_written()
    scene.both.attio.refuse_values("polar_country")
    scene.both.polar.update_customer(scene.row.id, billing_address={"country": "NL"})

    outcome, writes = await scene.one_pass()

    assert (outcome.result, outcome.reason, outcome.changed, writes) == (
        Result.UNCHANGED,
        Reason.PARTLY_REFUSED,
        (),
        1,
    )
    assert scene.ledger.keys_written() == []
    assert scene.both.person_of(scene.row.id).values["polar_country"] == "GB"


async def test_only_what_was_written_goes_on_record(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")

    outcome, _ = await scene.one_pass()

    [keys] = scene.ledger.keys_written()
    assert tuple(keys) == outcome.changed
    assert {"email_addresses", "polar_customer_id", "name"} <= set(keys)
    assert "polar_country" not in keys


@pytest.mark.parametrize("key", ["polar_customer", "polar_customer_id"])
async def test_without_a_required_attribute_nothing_is_written(scene: Scene, key: str) -> None:
    scene.both.attio.refuse_values(key)

    sent = [await scene.one_pass() for _ in range(2)]

    assert [(outcome.result, outcome.reason, writes) for outcome, writes in sent] == [
        (Result.REJECTED, Reason.REFUSED, 1),
        (Result.REJECTED, Reason.REFUSED, 0),
    ]
    assert (sent[0][0].detail or "").startswith(f"Attio refused {key}: ")
    assert scene.both.attio.people_count() == 0


async def test_without_the_address_nothing_is_written_whatever_else_is_refused(scene: Scene) -> None:
    scene.both.attio.refuse_values("polar_country")
    scene.both.polar.update_customer(scene.row.id, email="ada@example.test")

    sent = [await scene.one_pass() for _ in range(2)]

    assert [(outcome.reason, writes) for outcome, writes in sent] == [(Reason.REFUSED, 2), (Reason.REFUSED, 0)]
    assert (sent[0][0].detail or "").startswith("Attio refused email_addresses: ")
    assert scene.both.attio.people_count() == 0


async def test_a_changed_address_that_is_refused_leaves_the_person_as_it_was(scene: Scene) -> None:
    await scene.one_pass()
    before = scene.both.person_of(scene.row.id)
    scene.both.polar.update_customer(scene.row.id, email="ada@example.test", name="Ada King")

    sent = [await scene.one_pass() for _ in range(2)]

    assert [(outcome.reason, writes) for outcome, writes in sent] == [(Reason.REFUSED, 1), (Reason.REFUSED, 0)]
    assert scene.both.person_of(scene.row.id) == before


def refuse_without_naming(scene: Scene, *keys: str) -> None:
    for key in keys:
        fault = Fault(kind=Kind.REFUSE, status=400, path=f"{PEOPLE}*", contains=f'"{key}"')
        scene.both.sandbox.faults.add(fault)


async def test_where_attio_does_not_name_the_value_it_is_found_and_costs_itself_alone(scene: Scene) -> None:
    refuse_without_naming(scene, "polar_country")

    outcome, _ = await scene.one_pass()
    again, writes_again = await scene.one_pass()

    assert (outcome.result, outcome.reason) == (Result.CREATED, Reason.PARTLY_REFUSED)
    assert (outcome.detail or "").startswith("Attio refused polar_country: ")
    values = scene.both.person_of(scene.row.id).values
    assert "polar_country" not in values
    assert {"name", "polar_customer_url", "polar_customer_since", "polar_customer_type"} <= values.keys()
    assert [set(keys) for keys in scene.ledger.keys_written()] == [set(outcome.changed)]
    assert set(outcome.changed) - {"email_addresses"} <= values.keys()
    assert (again.result, again.detail, writes_again) == (Result.UNCHANGED, outcome.detail, 0)


@pytest.mark.parametrize("keys", [("name", "polar_country"), ("name", "polar_customer_url", "polar_customer_type")])
async def test_several_values_that_are_refused_without_being_named_are_all_found(
    scene: Scene, keys: tuple[str, ...]
) -> None:
    refuse_without_naming(scene, *keys)

    outcome, _ = await scene.one_pass()

    assert (outcome.result, outcome.reason) == (Result.CREATED, Reason.PARTLY_REFUSED)
    assert all(f"Attio refused {key}: " in (outcome.detail or "") for key in keys)
    values = scene.both.person_of(scene.row.id).values
    assert {"polar_customer_since", "polar_customer"} <= values.keys()
    assert not values.keys() & set(keys)


async def test_what_is_found_of_one_record_is_left_out_of_the_next_ones_at_once(both: BothSides) -> None:
    both.add_customers(200)
    both.sandbox.faults.add(Fault(kind=Kind.REFUSE, status=400, path=f"{PEOPLE}*", contains='"polar_customer_url"'))
    both.requests()

    outcomes = await both.one_pass()

    assert {(outcome.result, outcome.reason) for outcome in outcomes.values()} == {
        (Result.CREATED, Reason.PARTLY_REFUSED)
    }
    assert all("name" in person.values for person in both.attio.people())
    # Two for each, and more for those that were under way when it was not known yet which value it is.
    assert both.requests()[1] < 2 * 200 + 64 * 10


async def test_a_service_that_fails_while_the_value_is_looked_for_leaves_the_rest_for_another_day(scene: Scene) -> None:
    refuse_without_naming(scene, "polar_country")
    scene.both.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, method="PATCH", path=f"{PEOPLE}*"))

    outcome, _ = await scene.one_pass()
    scene.both.sandbox.faults.clear()
    again, writes_again = await scene.one_pass()
    scene.day = "tomorrow"
    tomorrow, _ = await scene.one_pass()

    assert (outcome.result, outcome.reason) == (Result.CREATED, Reason.PARTLY_REFUSED)
    assert (outcome.detail or "").startswith("Attio refused a value without naming it, one of name, ")
    assert set(outcome.changed) == {"email_addresses", "polar_customer", "polar_customer_id"}
    assert (again.result, writes_again) == (Result.UNCHANGED, 0)
    assert tomorrow.reason is None
    assert scene.both.person_of(scene.row.id).values["polar_country"] == "GB"


async def test_where_attio_refuses_every_value_without_naming_one_the_customer_is_rejected_after_two_writes(
    scene: Scene,
) -> None:
    scene.both.sandbox.faults.add(Fault(kind=Kind.REFUSE, status=400, method="POST", path=PEOPLE))

    sent = [await scene.one_pass() for _ in range(2)]

    assert [(outcome.result, outcome.reason, writes) for outcome, writes in sent] == [
        (Result.REJECTED, Reason.REFUSED, 2),
        (Result.REJECTED, Reason.REFUSED, 0),
    ]


async def test_an_option_that_was_archived_meanwhile_costs_the_status_alone(billed: Scene) -> None:
    billed.both.attio.archive_option("polar_status", "Paying")

    outcome, writes = await billed.one_pass()
    again, writes_again = await billed.one_pass()

    assert (outcome.result, outcome.reason, writes) == (Result.CREATED, Reason.PARTLY_REFUSED, 2)
    assert (outcome.detail or "").startswith("Attio refused polar_status: Cannot find select attribute with ")
    assert billed.both.person_of(billed.row.id).values["polar_mrr"] == 19.9
    assert (again.result, writes_again) == (Result.UNCHANGED, 0)


async def test_an_attribute_that_was_archived_meanwhile_costs_that_attribute_alone(billed: Scene) -> None:
    billed.both.attio.archive_attribute("polar_mrr")

    outcome, _ = await billed.one_pass()

    assert (outcome.result, outcome.reason) == (Result.CREATED, Reason.PARTLY_REFUSED)
    assert (outcome.detail or "").startswith("Attio refused polar_mrr: ")
    assert billed.both.person_of(billed.row.id).values["polar_status"] == "Paying"


async def test_what_is_left_empty_is_named_beside_what_is_refused(billed: Scene) -> None:
    billed.both.attio.refuse_values("polar_status")
    billed.billing = Billing(Status.PAYING, mrr=(Money(1990, "EUR"),))

    outcome, _ = await billed.one_pass()
    unchanged, writes = await billed.one_pass()
    billed.billing = Billing(Status.PAYING, mrr=(Money(1990, "JPY"),))
    other, _ = await billed.one_pass()

    assert outcome.reason is Reason.PARTLY_REFUSED
    assert (outcome.detail or "").startswith("Attio refused polar_status: ")
    assert (outcome.detail or "").endswith("polar_mrr is left empty: it is paid in EUR, the attribute is in USD.")
    assert (unchanged.detail, writes) == (outcome.detail, 0)
    assert (other.detail or "").endswith("polar_mrr is left empty: it is paid in JPY, the attribute is in USD.")


async def test_many_customers_of_whom_each_has_a_refused_value_are_all_written(both: BothSides) -> None:
    both.add_customers(100)
    both.attio.refuse_values("name")

    outcomes = await both.one_pass()

    assert {(outcome.result, outcome.reason) for outcome in outcomes.values()} == {
        (Result.CREATED, Reason.PARTLY_REFUSED)
    }
    assert both.attio.people_count() == 100


SIX = (
    "name",
    "polar_customer_url",
    "polar_customer_since",
    "polar_external_id",
    "polar_customer_type",
    "polar_country",
)


def due(*keys: str) -> Plan:
    """A plan that writes these attributes of a known person."""
    held = person("p1", "ada@example.com", polar_customer_id=ADA)
    changes = tuple(Change(key, None, f"new {key}") for key in keys)
    return Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, changes)


def unnamed(*bad: str) -> Callable[[Collection[str]], Exception | None]:
    """Refuse writes of these attributes without naming any."""
    return lambda keys: None if set(bad).isdisjoint(keys) else RecordRefusedError(f"No {len(keys)}.")


async def carried(attio: Attio, plan: Plan, *suspected: str) -> tuple[Carried, list[tuple[str, ...]]]:
    """Return what became of a plan, and the keys of each write that was sent."""
    found = await write_what_is_taken(attio, plan, required=frozenset({"polar_customer_id"}), suspected=suspected)
    return found, [keys for _, keys in attio.sent]


async def test_a_single_value_that_can_be_left_out_is_the_refused_one_and_is_not_sent_again() -> None:
    plan = due("polar_customer_id", "polar_country")

    found, sent = await carried(Attio(trouble=unnamed("polar_country")), plan)

    assert sent == [("polar_customer_id", "polar_country"), ("polar_customer_id",)]
    assert found.refusals == (Refusal(("polar_country",), "No 2."),)
    assert found.answers == ((["polar_customer_id"], "x-2"),)
    assert [change.key for change in found.done.changes] == ["polar_customer_id"]
    assert found.left == replace(due("polar_country"), match=replace(plan.match, person=found.person))


async def test_of_two_values_the_refused_one_is_found_and_the_other_one_is_written() -> None:
    plan = due("polar_customer_id", "name", "polar_country")

    found, sent = await carried(Attio(trouble=unnamed("polar_country")), plan)

    assert sent[1:] == [("polar_customer_id",), ("name",), ("polar_country",)]
    assert found.refusals == (Refusal(("polar_country",), "No 1."),)
    assert found.answers == ((["polar_customer_id"], "x-2"), (("name",), "x-3"))


async def test_where_nothing_is_left_to_write_nothing_is_sent_and_no_request_has_written_anything() -> None:
    plan = due("polar_country")

    found, sent = await carried(Attio(trouble=unnamed("polar_country")), plan)

    assert sent == [("polar_country",)]
    assert found.answers == ()
    assert (found.done.action, found.done.changes, found.person) == (Action.KEEP, (), plan.match.person)


async def test_a_value_that_attio_names_is_known_beside_those_that_it_does_not_name() -> None:
    def trouble(keys: Collection[str]) -> Exception | None:
        return RecordRefusedError("Not that.", field="name") if "name" in keys else unnamed("polar_country")(keys)

    found, sent = await carried(Attio(trouble=trouble), due(*SIX[:1], *SIX[3:]))

    assert found.refusals == (Refusal(("name",), "Not that."), Refusal(("polar_country",), "No 1."))
    assert sent[2:] == [("polar_external_id",), ("polar_customer_type", "polar_country"), *[(key,) for key in SIX[4:]]]
    assert [change.key for change in found.done.changes] == ["polar_external_id", "polar_customer_type"]


async def test_a_value_that_attio_names_while_it_is_looked_for_costs_no_other_write() -> None:
    def trouble(keys: Collection[str]) -> Exception | None:
        if "name" not in keys:
            return None
        return RecordRefusedError("No.", field="name" if len(keys) <= len(SIX) // 2 else None)

    found, sent = await carried(Attio(trouble=trouble), due(*SIX))

    assert sent == [SIX, SIX[:3], SIX[1:3], SIX[3:]]
    assert found.refusals == (Refusal(("name",), "No."),)
    assert found.answers == ((SIX[1:3], "x-3"), (SIX[3:], "x-4"))
    assert found.left
    assert found.left.values == {"name": "new name"}


async def test_the_last_one_of_a_group_that_attio_names_leaves_nothing_to_send() -> None:
    def trouble(keys: Collection[str]) -> Exception | None:
        if "name" not in keys:
            return None
        return RecordRefusedError("No.", field="name" if len(keys) == 1 else None)

    _, sent = await carried(Attio(trouble=trouble), due(*SIX[:2]))

    assert sent == [SIX[:2], SIX[:1], SIX[1:2]]


async def test_what_is_not_sorted_out_when_a_write_fails_counts_as_refused_in_the_words_of_the_refusal() -> None:
    def trouble(keys: Collection[str]) -> Exception | None:
        return unnamed("name")(keys) if "polar_country" not in keys or len(keys) == len(SIX) else UnavailableError()

    found, sent = await carried(Attio(trouble=trouble), due(*SIX))

    assert sent == [SIX, SIX[:3], SIX[:1], SIX[1:3], SIX[3:]]
    assert found.refusals == (Refusal(("name",), "No 1."), Refusal(SIX[3:], "No 6."))
    assert [change.key for change in found.done.changes] == [*SIX[1:3]]
