"""What a pass over a small world has to do: said from the documentation, without the code that decides.

It shares nothing with `matching`, `planning`, `mapping` or `outcomes` but the words in which an outcome is given.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import Write
from polar_attio_pipeline_tests.worlds.sides import EMAILS, IDS, NAME, NAMES, NUMBERS
from polar_attio_pipeline_tests.worlds.small import NEW, NOBODY, OURS, TYPED, UNSET, A, B, Customers, Someone
from polar_attio_pipeline_tests.worlds.workspace import ID, MARK, web_address

Named = Mapping[str, Someone]
"""People by record id."""

_EMAILS_KEY = "email_addresses"
_BLANK = Someone(0, NOBODY, UNSET, UNSET)


@dataclass(frozen=True)
class Due:
    """What a pass has to do for one customer.

    Attributes:
        record_id: Whom to write to; None for a new person, and where nothing may be written.
        reasons: Why nothing may be written: one of these is to be given.
        involved: Everybody who holds the customer's id or address.
    """

    record_id: str | None = None
    reasons: Collection[str] = ()
    involved: Collection[str] = field(default_factory=frozenset)


def due(customers: Customers, people: Named) -> dict[int, Due]:
    """Say for each customer, the oldest first, which person it is, or why that is not certain."""
    found: dict[int, Due] = {}
    given_addresses, given_people = 0, set[str]()
    for number, address in enumerate(customers, start=1):
        known = {record_id for record_id, one in people.items() if one.holds == number}
        there = {record_id for record_id, one in people.items() if one.addresses & address}
        reasons = _reasons(known, there, [people[one].holds for one in there], address, len(customers))
        if not reasons and not known & there and (address & given_addresses or there & given_people):
            # An older customer has got the address, or the person who holds it, in this very pass.
            reasons = {"shared_email", "two_records"} if known else {"shared_email"}
        record_id = None if reasons else next(iter(known or there), None)
        if not reasons:
            given_addresses |= address
            given_people |= {record_id} if record_id else set()
        found[number] = Due(record_id, reasons, known | there)
    return found


def _reasons(known: set[str], there: set[str], holders: Collection[int], address: int, customers: int) -> set[str]:
    if len(known) > 1:
        return {"copied_id"}
    if known:
        return {"two_records"} if there - known else set()
    if not address:
        return {"no_email"}
    return {"shared_email"} if any(NOBODY < holder <= customers for holder in holders) else set()


def check(customers: Customers, before: Named, after: Named, outcomes: Sequence[Outcome]) -> None:
    """Hold what became of a world, and what is said of it, against the promise."""
    of_customers = {NUMBERS[outcome.customer_id]: outcome for outcome in outcomes}
    assert len(of_customers) == len(outcomes) == len(customers), "each customer has exactly one outcome"
    expected = dict(before)
    for number, one in due(customers, before).items():
        outcome = of_customers[number]
        if one.reasons:
            assert outcome.reason in one.reasons, (number, outcome.reason, one.reasons)
            assert outcome.result == ("rejected" if one.reasons == {"no_email"} else "ambiguous"), number
            assert {*outcome.urls} == {*map(web_address, one.involved)}, "everybody involved is named"
            continue
        assert outcome.reason is None, (number, outcome.reason)
        was = before.get(one.record_id or "")
        record_id = one.record_id or str(outcome.record_id)
        assert was or record_id not in before, "a new person has a record of its own"
        expected[record_id] = _brought(number, customers[number - 1], was or _BLANK)
        result = "created" if was is None else "unchanged" if expected[record_id] == was else "updated"
        assert (outcome.record_id, outcome.result.value) == (record_id, result), number
    assert after == expected, "what Attio holds is what the promise says"


def _brought(number: int, address: int, was: Someone) -> Someone:
    """The person as a pass leaves it: the id and the mark are ours, what a member typed stays, nothing erases."""
    name = NEW if address and was.name != TYPED else was.name
    return Someone(was.addresses | address, number, was.mark or OURS, name)


def check_history(before: Named, after: Named, written: Sequence[Write]) -> None:
    """Insist that each value that differs is on record once: for whom, how, what was there, who wrote that, what is."""
    recorded = {
        (write.record_id, value.key): (write.customer_id, write.action.value, value.old, value.old_actor, value.new)
        for write in written
        for value in write.values
    }
    assert len(recorded) == sum(len(write.values) for write in written), "a value is on record twice"
    assert recorded == _differences(before, after)


def _differences(before: Named, after: Named) -> dict[tuple[str, str], tuple[object, ...]]:
    found: dict[tuple[str, str], tuple[object, ...]] = {}
    for record_id, now in after.items():
        was = before.get(record_id, _BLANK)
        if now == was:
            continue
        how = (IDS[now.holds], "update" if record_id in before else "create")
        joined = now.addresses & ~was.addresses
        if joined:
            old = tuple(EMAILS[one] for one in (A, B) if was.addresses & one) or None
            found[record_id, _EMAILS_KEY] = (*how, old, None, EMAILS[joined])
        if now.mark != was.mark:
            found[record_id, MARK] = (*how, None, None, True)
        if now.holds != was.holds:
            old_id, actor = (None, None) if was.holds == NOBODY else (IDS[was.holds], "api-token")
            found[record_id, ID] = (*how, old_id, actor, IDS[now.holds])
        if now.name != was.name:
            old_name, author = (None, None) if was.name == UNSET else (_name(was.name), NAMES[was.name][1])
            found[record_id, NAME] = (*how, old_name, author, _name(now.name))
    return found


def _name(name: int) -> PersonName:
    text, _ = NAMES[name]
    return PersonName(text, "", text)
