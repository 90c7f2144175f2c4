"""What was approved against a fresh plan: carried out if it is the same or what is left of it, and named otherwise."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.sync.approval import Approved, Divergence, Drift, Held, diverging, drift_of, drifted, left_out
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Action, Change, Plan
from polar_attio_pipeline.sync.records import Person, PersonName
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person, planned

ADDRESS = Change(EMAILS_KEY, None, "ada@example.com")
ID = Change("polar_customer_id", None, ADA)
COUNTRY = Change("polar_country", "DE", "GB")
NEW_COUNTRY = Change("polar_country", None, "GB")
MRR = Change("polar_mrr", Decimal(10), Decimal(20))


def update(held: Person, *changes: Change, case: Case = Case.KNOWN) -> Plan:
    action = Action.UPDATE if changes else Action.KEEP
    return Plan(customer(), Match(case, held, (held,)), action, changes)


def create(*changes: Change) -> Plan:
    return Plan(customer(), Match(Case.NEW), Action.CREATE, changes)


def ada(**values: Any) -> Person:
    return person("r1", "ada@example.com", polar_customer_id=ADA, **values)


TO_UPDATE = Approved(ADA, "r1", (COUNTRY, MRR))
TO_CREATE = Approved(ADA, None, (ADDRESS, ID, NEW_COUNTRY))


@pytest.mark.parametrize(
    ("approved", "fresh"),
    [
        pytest.param(TO_UPDATE, update(ada(), COUNTRY, MRR), id="the same"),
        pytest.param(TO_UPDATE, update(ada(), MRR, COUNTRY), id="the same in another order"),
        pytest.param(TO_UPDATE, update(ada(polar_country="GB"), MRR), id="the rest of it"),
        pytest.param(TO_UPDATE, update(ada(polar_country="GB", polar_mrr=Decimal(20))), id="nothing is left of it"),
        pytest.param(TO_CREATE, create(ADDRESS, ID, NEW_COUNTRY), id="the same new person"),
        pytest.param(TO_CREATE, update(ada(polar_country="GB")), id="the new person is there"),
        pytest.param(TO_CREATE, update(ada(), NEW_COUNTRY), id="the new person is there and lacks something"),
        pytest.param(
            TO_UPDATE,
            update(person("r2", "ada@example.com", polar_country="GB", polar_mrr=Decimal(20))),
            id="another record, such as one that the person was merged into, has all of it",
        ),
    ],
)
def test_what_was_approved_or_is_left_of_it_is_carried_out(approved: Approved, fresh: Plan) -> None:
    assert drift_of(fresh, approved) is None


@pytest.mark.parametrize(
    ("approved", "fresh", "attributes"),
    [
        pytest.param(
            TO_UPDATE,
            update(ada(), replace(COUNTRY, old="FR"), MRR),
            {"polar_country": Divergence.IN_ATTIO},
            id="Attio holds another value, which would be written over",
        ),
        pytest.param(
            TO_UPDATE,
            update(ada(polar_country="FR"), MRR),
            {"polar_country": Divergence.IN_ATTIO},
            id="Attio holds another value, which would be left alone",
        ),
        pytest.param(
            TO_UPDATE,
            update(ada(), COUNTRY, replace(MRR, new=Decimal(30))),
            {"polar_mrr": Divergence.IN_POLAR},
            id="Polar says another value",
        ),
        pytest.param(
            TO_UPDATE,
            update(ada(polar_mrr=Decimal(10)), COUNTRY),
            {"polar_mrr": Divergence.IN_POLAR},
            id="Polar says again what Attio holds",
        ),
        pytest.param(
            TO_UPDATE,
            update(ada(), COUNTRY, MRR, Change("polar_seats", None, Decimal(1))),
            {"polar_seats": Divergence.NOT_APPROVED},
            id="something else would be written too",
        ),
        pytest.param(
            TO_UPDATE,
            update(ada(polar_country="GB"), replace(MRR, old=True)),
            {"polar_mrr": Divergence.IN_ATTIO},
            id="a value of another type",
        ),
        pytest.param(
            TO_CREATE,
            create(replace(ADDRESS, new="countess@example.com"), ID, NEW_COUNTRY),
            {EMAILS_KEY: Divergence.IN_POLAR},
            id="the new person has another address",
        ),
        pytest.param(
            TO_CREATE,
            create(ADDRESS, ID),
            {"polar_country": Divergence.IN_POLAR},
            id="Polar no longer says something of the new person",
        ),
        pytest.param(
            TO_CREATE,
            update(ada(), COUNTRY),
            {"polar_country": Divergence.IN_ATTIO},
            id="the new person is there, and somebody has typed",
        ),
    ],
)
def test_what_differs_is_named_by_attribute(approved: Approved, fresh: Plan, attributes: dict[str, Divergence]) -> None:
    drift = drift_of(fresh, approved)

    assert drift
    assert (drift.attributes, drift.why) == (attributes, "")


@pytest.mark.parametrize(
    ("approved", "fresh", "sentence"),
    [
        pytest.param(
            TO_CREATE,
            update(person("r9", "ada@example.com"), ID, NEW_COUNTRY, case=Case.FOUND_BY_EMAIL),
            "A person with the customer's address is in Attio by now. email_addresses: Attio holds another value now.",
            id="somebody has added the person who was to be created",
        ),
        pytest.param(
            TO_UPDATE,
            create(ADDRESS, ID, NEW_COUNTRY),
            "The person is not in Attio any more, or nothing shows that it is the customer.",
            id="deleted",
        ),
        pytest.param(
            TO_UPDATE,
            update(person("r2", "ada@example.com"), COUNTRY, MRR),
            "The customer is another person in Attio now.",
            id="another person",
        ),
        pytest.param(
            TO_UPDATE,
            planned(Action.ASK, Case.COPIED_ID, person("r1"), person("r2")),
            "It is not certain any more who the customer is. Several people hold the customer's id. "
            "Ambiguous: clear the id on all but the right one, or merge them in Attio.",
            id="ambiguous",
        ),
        pytest.param(
            TO_CREATE,
            planned(Action.REJECT, Case.ANONYMISED),
            "It is not certain any more who the customer is. Polar has anonymised the customer. "
            "Rejected: there is no address to write to.",
            id="rejected",
        ),
    ],
)
def test_that_the_person_is_another_one_is_said(approved: Approved, fresh: Plan, sentence: str) -> None:
    drift = drift_of(fresh, approved)

    assert drift
    assert drift.sentence == sentence


def test_the_outcome_names_the_attributes_and_no_values() -> None:
    fresh = update(ada(), replace(COUNTRY, old="FR"), replace(MRR, new=Decimal(30)))
    drift = drift_of(fresh, TO_UPDATE)
    assert drift

    outcome = drifted(fresh, drift)

    assert (outcome.result, outcome.reason, outcome.changed) == (Result.REJECTED, Reason.DRIFTED, ())
    assert (outcome.customer_id, outcome.email, outcome.record_id) == (ADA, "ada@example.com", "r1")
    assert outcome.created_at == fresh.customer.created_at
    assert outcome.urls == (ada().url,)
    assert outcome.detail == ("polar_country: Attio holds another value now; polar_mrr: Polar says something else now.")


def test_the_outcome_of_a_customer_without_a_person_names_no_record() -> None:
    fresh = create(ADDRESS, ID, NEW_COUNTRY)
    drift = drift_of(fresh, TO_UPDATE)
    assert drift

    outcome = drifted(fresh, drift)

    assert (outcome.customer_id, outcome.record_id, outcome.urls) == (ADA, None, ())


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (Change("polar_customer_since", None, datetime(2026, 4, 1, 12, tzinfo=UTC)), {}),
        (Change("name", None, PersonName("Ada", "King", "Ada King")), {}),
        (Change("polar_ends_at", datetime(2026, 4, 1, tzinfo=UTC), None), {"polar_ends_at": "2026"}),
    ],
)
def test_a_value_that_is_not_there_is_not_taken_for_done(change: Change, held: dict[str, Any]) -> None:
    assert list(diverging([change], [], Held(person("r1", **held).values))) == [change.key]


def test_an_address_is_done_however_it_is_spelt() -> None:
    held = Held({}, ("countess@example.com", "ADA@Example.com"))

    assert diverging([Change(EMAILS_KEY, "countess@example.com", "ada@example.com")], [], held) == {}


def test_an_address_joins_those_that_were_shown_and_no_others() -> None:
    joining = Change(EMAILS_KEY, "a@example.com, b@example.com", "ada@example.com")
    first = Change(EMAILS_KEY, None, "ada@example.com")

    assert Held({}, ("a@example.com", "b@example.com")).shows_old(joining)
    assert not Held({}, ("a@example.com",)).shows_old(joining)
    assert Held({}).shows_old(first)
    assert not Held({}, ("a@example.com",)).shows_old(first)


def test_drift_names_the_customer_and_the_person_of_the_plan() -> None:
    drift = drift_of(update(ada(polar_country="FR"), MRR), TO_UPDATE)

    assert drift
    assert (drift.customer_id, drift.record_id) == (ADA, "r1")


def test_a_customer_who_is_gone_drifts_without_attributes() -> None:
    drift = left_out(TO_UPDATE, "Polar has no such customer any more.")

    assert drift == Drift(ADA, why="Polar has no such customer any more.", record_id="r1")
    assert drift.sentence == "Polar has no such customer any more."
