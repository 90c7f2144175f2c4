"""The smallest write: per attribute, on normalised values, against what Attio holds now."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.mapping import Policy, Target
from polar_attio_pipeline.sync.matching import AMBIGUOUS, CERTAIN, Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan, fingerprint, plan
from polar_attio_pipeline.sync.records import Actor, Customer, Person, PersonName, Value, ValueType
from polar_attio_pipeline.sync.status import Status
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, SPRING, customer, person, target

URL = f"https://polar.sh/dashboard/acme/customers/{ADA}"
NAME = PersonName("Ada", "Lovelace", "Ada Lovelace")


def synced(**values: Value) -> Person:
    """Ada as an earlier pass wrote her, but for the values given."""
    written: dict[str, Any] = {
        "polar_customer": True,
        "polar_customer_id": ADA,
        "name": NAME,
        "polar_customer_url": URL,
        "polar_customer_since": SPRING,
        "polar_customer_type": "individual",
    }
    return person("p1", "ada@example.com", **(written | values))


def plan_for(ada: Customer, held: Person, case: Case = Case.KNOWN, **settings: bool) -> Plan:
    return plan(ada, Match(case, held, (held,)), TARGETS, **({"overwrite_typed": False} | settings))


def plan_one(key: str, new: Customer, held: Person, policy: Policy | None = None, *, overwrite: bool = False) -> Plan:
    return plan(new, Match(Case.KNOWN, held), (target(key, policy),), overwrite_typed=overwrite)


def test_a_new_person_gets_the_address_and_everything_that_polar_knows() -> None:
    new = plan(customer(email=" Ada@example.com "), Match(Case.NEW), TARGETS, overwrite_typed=False)
    assert new.action is Action.CREATE
    assert new.new_email == "Ada@example.com"
    assert new.values.keys() == {change.key for change in new.changes} - {"email_addresses"}
    assert all(change.old is None for change in new.changes)


def test_nothing_differs_nothing_is_written() -> None:
    same = plan_for(customer(), synced())
    assert same.action is Action.KEEP
    assert same.changes == same.kept == ()


def test_an_update_holds_only_what_differs() -> None:
    changed = plan_for(customer(external_id="user_2", country="GB"), synced(polar_external_id="user_1"))
    assert changed.action is Action.UPDATE
    assert changed.changes == (
        Change("polar_external_id", "user_1", "user_2"),
        Change("polar_country", None, "GB"),
    )
    assert changed.new_email is None


def test_a_changed_address_joins_those_that_are_there() -> None:
    moved = plan_for(customer(email="Ada@new.example.com"), synced(), Case.EMAIL_CHANGED)
    assert moved.changes == (Change("email_addresses", "ada@example.com", "Ada@new.example.com"),)
    assert moved.values == {}
    assert moved.new_email == "Ada@new.example.com"


@pytest.mark.parametrize("case", [Case.FOUND_BY_EMAIL, Case.RECREATED])
def test_a_person_found_by_address_gets_the_marks(case: Case) -> None:
    before = person("p1", "ada@example.com", polar_customer_id=BOB, name=NAME)
    marked = plan_for(customer(), before, case)
    assert marked.action is Action.UPDATE
    assert marked.new_email is None
    assert {"polar_customer": True, "polar_customer_id": ADA}.items() <= marked.values.items()
    assert "name" not in marked.values


def test_a_team_known_by_its_id_needs_no_address() -> None:
    team = customer(email=None, name="Acme")
    assert plan_for(team, synced(polar_customer_type="team")).action is Action.KEEP


@pytest.mark.parametrize("case", sorted(AMBIGUOUS))
def test_an_ambiguous_customer_is_asked_about_and_never_written(case: Case) -> None:
    asked = plan(customer(), Match(case, None, (synced(),)), TARGETS, overwrite_typed=True)
    assert (asked.action, asked.changes) == (Action.ASK, ())


@pytest.mark.parametrize("case", sorted(set(Case) - AMBIGUOUS - CERTAIN))
def test_a_customer_who_cannot_be_written_is_rejected(case: Case) -> None:
    rejected = plan(customer(), Match(case), TARGETS, overwrite_typed=True)
    assert (rejected.action, rejected.changes) == (Action.REJECT, ())


ACTORS: tuple[Actor, ...] = ("api-token", "app", "workspace-member", "system")


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("policy", Policy)
def test_who_wrote_a_value_and_the_policy_decide_whether_polar_wins(
    policy: Policy, actor: Actor, *, overwrite: bool
) -> None:
    wins = {
        Policy.ALWAYS: True,
        Policy.OVER_TYPING: actor != "system",
        Policy.UNLESS_TYPED: actor in {"api-token", "app"} or (actor == "workspace-member" and overwrite),
        Policy.WHEN_EMPTY: False,
    }[policy]
    is_compared = policy is not Policy.WHEN_EMPTY
    held = person("p1", "ada@example.com", actor=actor, polar_country="FR")
    decided = plan_one("polar_country", customer(country="GB"), held, policy, overwrite=overwrite)
    change = (Change("polar_country", "FR", "GB"),)
    assert (decided.changes, decided.kept) == ((change, ()) if wins else ((), change if is_compared else ()))
    assert decided.action is (Action.UPDATE if wins else Action.KEEP)


@pytest.mark.parametrize("policy", Policy)
def test_an_empty_value_is_filled_under_every_policy(policy: Policy) -> None:
    filled = plan_one("polar_country", customer(country="GB"), person("p1"), policy)
    assert filled.values == {"polar_country": "GB"}


@pytest.mark.parametrize("policy", Policy)
def test_a_null_of_polars_never_erases(policy: Policy) -> None:
    held = person("p1", polar_country="FR")
    assert plan_one("polar_country", customer(country=None), held, policy).action is Action.KEEP


@pytest.mark.parametrize(
    ("held", "changes"),
    [
        (person("p1", polar_status="Deleted"), (Change("polar_status", "Deleted", None),)),
        (person("p1", polar_status="Churned"), ()),
        (person("p1", actor="workspace-member", polar_status="Deleted"), ()),
        (person("p1"), ()),
    ],
)
def test_a_customer_who_lives_is_not_deleted_whatever_was_not_read_of_what_it_pays(
    held: Person, changes: tuple[Change, ...]
) -> None:
    status = Target(BY_KEY["polar_status"], ValueType.SELECT, options=frozenset({"Paying"}))
    match = Match(Case.KNOWN, held)

    assert plan(customer(), match, (status,), overwrite_typed=False).changes == changes
    of_payer = plan(customer(billing=Billing(Status.PAYING)), match, (status,), overwrite_typed=False)
    assert all(change.new == "Paying" for change in of_payer.changes)


def test_the_marks_are_the_syncs_own_and_are_repaired_even_when_a_person_changed_them() -> None:
    unmarked = person("p1", "ada@example.com", actor="workspace-member", polar_customer=False)
    assert plan_one("polar_customer", customer(), unmarked).values == {"polar_customer": True}


@pytest.mark.parametrize(
    ("held", "fields"),
    [
        ({"polar_external_id": " user_1 "}, {"external_id": "user_1"}),
        ({"polar_external_id": "user_1"}, {"external_id": "user_1\n"}),
        ({"polar_customer_since": SPRING + timedelta(microseconds=999_999)}, {}),
        ({"name": PersonName("Ada M.", "Lovelace", "Ada  Lovelace")}, {}),
    ],
)
def test_values_that_differ_in_form_alone_are_the_same(held: dict[str, Value], fields: dict[str, str]) -> None:
    assert plan_for(customer(**fields), synced(**held)).action is Action.KEEP


@pytest.mark.parametrize(
    "held",
    [
        {"polar_customer_type": "Individual"},
        {"polar_customer_since": SPRING + timedelta(seconds=1)},
        {"polar_customer_since": "in a shape that nobody has seen yet"},
        {"name": PersonName("ada", "lovelace", "ada lovelace")},
    ],
)
def test_values_that_differ_are_written(held: dict[str, Value]) -> None:
    assert plan_for(customer(), synced(**held)).values.keys() == held.keys()


def test_a_day_is_compared_as_a_day() -> None:
    targets = (Target(BY_KEY["polar_customer_since"], ValueType.DATE),)
    held = person("p1", polar_customer_since=date(2026, 4, 1))
    ada = customer(created_at=datetime.fromisoformat("2026-04-01T23:59:59+00:00"))
    assert plan(ada, Match(Case.KNOWN, held), targets, overwrite_typed=False).action is Action.KEEP
    tomorrow = customer(created_at=ada.created_at + timedelta(seconds=1))
    assert plan(tomorrow, Match(Case.KNOWN, held), targets, overwrite_typed=False).values == {
        "polar_customer_since": date(2026, 4, 2)
    }


def test_a_fingerprint_is_equal_for_the_same_write_only() -> None:
    ada = synced(polar_external_id="user_1")
    elsewhere = Person("p2", ada.url, ada.emails, ada.values)
    due = plan_for(customer(external_id="user_2"), ada)

    assert fingerprint(due, salt="today") == fingerprint(plan_for(customer(external_id="user_2"), ada), salt="today")
    others = {
        fingerprint(due, salt="tomorrow"),
        fingerprint(plan_for(customer(external_id="user_3"), ada), salt="today"),
        fingerprint(plan_for(customer(external_id="user_2"), elsewhere), salt="today"),
    }
    assert len(others - {fingerprint(due, salt="today")}) == 3


def test_a_value_that_is_no_valid_unicode_has_a_fingerprint() -> None:
    assert fingerprint(plan_for(customer(external_id="\ud800"), synced()), salt="today")


def test_an_address_that_joins_is_shown_beside_those_that_are_there() -> None:
    moved = person("p1", "ada@old.example", "ada@older.example", polar_customer_id=ADA)

    due = plan_for(customer(), moved, Case.EMAIL_CHANGED)

    assert due.changes[0] == Change("email_addresses", "ada@old.example, ada@older.example", "ada@example.com")
