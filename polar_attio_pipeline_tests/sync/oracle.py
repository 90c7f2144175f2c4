"""What must be true after a pass, said without the code that decides.

Written from the promise alone: it looks at both worlds before and after, and shares nothing with `matching`,
`planning`, `mapping` or `emails`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline_tests.sync.state import ID, Somebody, State, Value

STATUS = "polar_status"
MRR = "polar_mrr"
RUNNING = {"polar_products", "polar_seats", "polar_trial_ends_at", "polar_renews_at"}
"""What follows from subscriptions that run: a deleted customer has none."""
OURS = {"polar_customer", ID}
REFUSED_ENDINGS = (".test", ".invalid", ".example", ".localhost")


class No(Enum):
    """What Polar may say of an attribute instead of a value."""

    VALUE = "there is none: what a pass wrote is cleared"
    WORD = "nothing is said, and a customer who lives is not Deleted"
    MATTER = "either of two values will do"


@dataclass(frozen=True)
class Task:
    """What a pass has to do, beside bringing all customers to Attio.

    Attributes:
        due: The customers that it is about; None: all of them.
        later: Those of them who are tried after the others; within both, the oldest goes first.
        excluded: Customers who are not to become people.
        undecided: Customers of whom Polar cannot say whether they are to.
        said: What Polar says of what a customer pays, by customer and attribute; a `No` where there is no value.
        foreign: Attributes that cannot hold what Polar says, by customer.
        remembered: The record that is on record of a customer.
        overwrites: Whether Polar wins over what a member typed.
        deleted: Customers who may be gone: the people who hold their ids say so afterwards. None: everybody marked.
        says_deleted: Whether it writes to the people of deleted customers at all.
        unmarks: Whether it takes the mark off those.
    """

    due: Collection[str] | None = None
    later: Collection[str] = ()
    excluded: Collection[str] = ()
    undecided: Collection[str] = ()
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    foreign: Mapping[str, Collection[str]] = field(default_factory=dict)
    remembered: Mapping[str, str] = field(default_factory=dict)
    overwrites: bool = False
    deleted: Collection[str] | None = ()
    says_deleted: bool = False
    unmarks: bool = False

    def is_due(self, customer_id: str) -> bool:
        return self.due is None or customer_id in self.due

    def may_write_over(self, held: tuple[Value, ...] | None) -> bool:
        actors = {"system"} if self.overwrites else {"system", "workspace-member"}
        return not held or held[0][1] not in actors


EVERYTHING = Task()
"""All customers, of whom it is not known what they pay."""


def expected_failures(before: State, task: Task = EVERYTHING) -> dict[str, set[str]]:
    """Say for each customer to be written which reasons it may fail for; an empty set is one that must succeed."""
    reasons: dict[str, set[str]] = {}
    taken_addresses: set[str] = set()
    taken_people: set[str] = set()
    for customer_id in sorted(filter(task.is_due, before.customers), key=lambda one: one in task.later):
        address = before.addresses[customer_id]
        by_id, by_address = before.with_id(customer_id), before.with_address(address)
        if not by_id and customer_id in task.excluded:
            continue
        if not by_id and customer_id in task.undecided:
            reasons[customer_id] = {"polar_could_not_say"}
            continue
        remembered = set() if by_id or by_address else _remembered(before, task.remembered.get(customer_id))
        found = _settled_reasons(before, customer_id, by_id, by_address, remembered)
        if not found and not (by_id and (address is None or by_id <= by_address)):
            if address in taken_addresses or ((by_address | remembered) & taken_people):
                found = {"shared_email", "two_records"} if by_id else {"shared_email"}
            elif not by_address and (address or "").endswith(REFUSED_ENDINGS):
                found = {"refused_by_attio"}
            if address:
                taken_addresses.add(address)
            taken_people |= by_address | remembered
        reasons[customer_id] = found
    return reasons


def check(before: State, after: State, outcomes: Mapping[str, Outcome], task: Task = EVERYTHING) -> None:
    """Hold the outcomes and what became of both sides against the promise."""
    assert outcomes.keys() == set(filter(task.is_due, before.customers))
    assert after.customers == before.customers
    expected = expected_failures(before, task)
    for customer_id in outcomes.keys() - expected.keys():
        assert outcomes[customer_id].result is Result.EXCLUDED, customer_id
    written: dict[str, str] = {}
    for customer_id, allowed in expected.items():
        outcome = outcomes[customer_id]
        assert outcome.result is not Result.EXCLUDED, customer_id
        reason = outcome.reason.value if outcome.reason else None
        if not allowed:
            written[customer_id] = _one_person(customer_id, outcome, before, after)
            is_empty = _left_empty(after.people[written[customer_id]], task.foreign.get(customer_id, ()))
            assert reason == ("left_empty" if is_empty else None), (customer_id, reason)
        else:
            assert reason in allowed, (customer_id, reason, allowed)
    _nobody_lost_or_made_up(before, after, outcomes, written)
    deleted = _of_deleted(before, task, set(written.values()))
    for record_id, person in after.people.items():
        owner = next((customer_id for customer_id, held in written.items() if held == record_id), None)
        was = before.people.get(record_id)
        if owner is not None:
            _values_follow_the_policies(before, owner, was, person, task)
        elif was and record_id in deleted:
            _says_deleted(was, person, task)
        else:
            assert was == person, "a person that is no customer's was touched"


def _remembered(before: State, record_id: str | None) -> set[str]:
    person = before.people.get(record_id or "")
    return {record_id} if record_id and person and person.polar_id is None else set()


def _left_empty(person: Somebody, foreign: Collection[str]) -> bool:
    return any(person.value(slug) is None for slug in foreign)


def _of_deleted(before: State, task: Task, written: Collection[str]) -> set[str]:
    """The people whose customer Polar does not have any more, as far as the pass is about them."""
    found = set()
    waiting = {before.addresses[one] for one in before.customers if before.with_id(one) or one not in task.excluded}
    for record_id, person in before.people.items():
        held = person.polar_id
        if held is None or held in before.customers or record_id in written or not task.says_deleted:
            continue
        # Who has the address of a customer may be that customer, which a member has to decide.
        is_marked = person.value("polar_customer") is True and waiting.isdisjoint(person.emails)
        if is_marked if task.deleted is None else held in task.deleted:
            found.add(record_id)
    return found


def _says_deleted(was: Somebody, person: Somebody, task: Task) -> None:
    status = was.values.get(STATUS)
    says = "Deleted" if task.may_write_over(status) else was.value(STATUS)
    assert person.value(STATUS) == says
    is_marked = was.value("polar_customer")
    assert person.value("polar_customer") is (False if task.unmarks and is_marked else is_marked)
    mrr = was.values.get(MRR)
    assert person.value(MRR) == (0 if mrr and task.may_write_over(mrr) else was.value(MRR))
    for slug in RUNNING & was.values.keys():
        assert (slug not in person.values) is (was.values[slug][0][1] == "api-token"), slug
    others = (was.values.keys() | person.values.keys()) - {STATUS, "polar_customer", MRR, *RUNNING}
    assert {slug: person.values.get(slug) for slug in others} == {slug: was.values.get(slug) for slug in others}


def _settled_reasons(
    before: State, customer_id: str, by_id: set[str], by_address: set[str], remembered: set[str]
) -> set[str]:
    address = before.addresses[customer_id]
    if address and address.endswith("@anonymized.polar.sh"):
        return {"anonymised"}
    if len(by_id) > 1:
        return {"copied_id"}
    if by_id:
        return {"two_records"} if by_address and not by_id <= by_address else set()
    if address is None and not remembered:
        return {"no_email"}
    if len(by_address) > 1:
        return {"repeated_email"}
    holder = next((before.people[record_id].polar_id for record_id in by_address), None)
    return {"shared_email"} if holder in before.customers else set()


def _one_person(customer_id: str, outcome: Outcome, before: State, after: State) -> str:
    (record_id,) = after.with_id(customer_id)
    assert outcome.record_id == record_id
    address = before.addresses[customer_id]
    assert address is None or address in after.people[record_id].emails
    assert after.people[record_id].value("polar_customer") is True
    return record_id


def _nobody_lost_or_made_up(
    before: State, after: State, outcomes: Mapping[str, Outcome], written: Mapping[str, str]
) -> None:
    assert before.people.keys() <= after.people.keys()
    created = {key for key, outcome in outcomes.items() if outcome.result is Result.CREATED}
    assert {written[key] for key in created} == after.people.keys() - before.people.keys()
    assert len(set(written.values())) == len(written)
    for key in created:
        assert not before.with_id(key)
        assert not before.with_address(before.addresses[key])


def _values_follow_the_policies(
    before: State, customer_id: str, was: Somebody | None, person: Somebody, task: Task
) -> None:
    address = before.addresses[customer_id]
    held = was or Somebody(frozenset(), {})
    assert person.emails == held.emails | ({address} if address else set())
    said = {
        **_what_polar_says(before.customers[customer_id], before.names[customer_id]),
        **task.said.get(customer_id, {}),
    }
    if was:
        emails = person.values.get("email_addresses", ())
        assert set(held.values.get("email_addresses", ())) <= set(emails)
        for slug in held.values.keys() - said.keys() - {"email_addresses", "company", *OURS}:
            assert person.values[slug] == held.values[slug], slug
    for slug, wanted in said.items():
        old, new = held.values.get(slug), person.values.get(slug)
        if wanted is No.MATTER:
            continue
        if wanted is No.VALUE or (wanted is No.WORD and held.value(slug) == "Deleted"):
            is_ours = old and old[0][1] == "api-token"
            assert new == (None if is_ours else old), slug
        elif wanted in {None, No.WORD} or (old and (not task.may_write_over(old) or _equal(old[0][0], wanted))):
            assert new == old, slug
        else:
            assert new is not None, slug
            assert _equal(new[0][0], wanted), (slug, new[0][0], wanted)


def _what_polar_says(customer: Customer, name: str | None) -> dict[str, Any]:
    """What each optional attribute should hold; a name is compared by its full form."""
    return {
        "name": name.strip() if name and name.strip() and "@" not in name else None,
        "polar_customer_url": f"https://polar.sh/dashboard/sandbox/customers/{customer.id}",
        "polar_customer_since": customer.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "polar_external_id": customer.external_id,
        "polar_customer_type": customer.type,
        "polar_country": customer.billing_address["country"] if customer.billing_address else None,
    }


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(held, tuple):  # a name: first, last, full
        return bool(held[2] == wanted)
    return held == wanted or str(held).startswith(f"{wanted}.")  # a time has fractions of a second
