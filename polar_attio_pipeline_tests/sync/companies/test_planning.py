"""What is written for a company, which record it is, what is on record of it, and what is said of it afterwards."""

from decimal import Decimal

import pytest

from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.planning import (
    Candidate,
    CompanyOutcome,
    CompanyPlan,
    done,
    intent_of_company,
    not_taken_company,
    plan_company,
    record_of,
)
from polar_attio_pipeline.sync.companies.ports import FoundCompanies
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Value
from polar_attio_pipeline.sync.writes import WriteAction, WrittenValue

TARGETS = tuple(Target(attribute, attribute.types[0], currency="USD") for attribute in COMPANY_ATTRIBUTES)
ACME = Candidate(("acme.com",), None, "acme.com")
FOUND = Candidate(("acme.com",), "c1", "acme.com")
BOTH = Candidate(("acme.com", "acme.org"), "c1", "acme.com")


def record(record_id: str = "c1", *domains: str, actor: Actor = "api-token", **held: Value) -> CompanyRecord:
    values = {key: CurrentValue(value, actor) for key, value in held.items()}
    return CompanyRecord(record_id, f"https://app.attio.com/acme/company/{record_id}", domains or ("acme.com",), values)


def groups(*domains: str, mrr: tuple[Money, ...] = (), unmark: bool = False) -> Groups:
    found = Groups(unmark=unmark)
    for domain in domains:
        found.add(domain, f"somebody@{domain}", mrr)
    return found


def planned(
    candidate: Candidate, held: CompanyRecord | None, customers: Groups, *, overwrite_typed: bool = False
) -> dict[str, Value | None]:
    return plan_company(candidate, held, customers, TARGETS, overwrite_typed=overwrite_typed).values


def test_the_customers_of_all_domains_of_a_record_are_counted_and_of_a_new_company_those_of_its_own_domain() -> None:
    customers = groups("acme.com", "acme.org")

    assert planned(ACME, record("c1", "acme.com", "acme.org"), customers)["polar_customer_count"] == 2
    assert planned(BOTH, None, customers)["polar_customer_count"] == 1


@pytest.mark.parametrize(
    ("actor", "unmark", "mark"),
    [
        ("api-token", True, False),
        ("api-token", False, None),
        ("workspace-member", True, None),
        ("app", True, None),
    ],
)
def test_of_a_company_without_customers_a_mark_comes_off_where_wanted_if_a_pass_has_set_it(
    actor: Actor, unmark: bool, mark: bool | None
) -> None:
    held = record(actor=actor, polar_customer=True)

    expected = {} if mark is None else {"polar_customer": mark}
    assert planned(FOUND, held, groups(unmark=unmark)) == expected | {"polar_customer_count": 0, "polar_mrr": 0}


def test_a_company_with_customers_is_marked_whoever_took_its_mark_off() -> None:
    held = record(actor="workspace-member", polar_customer=False)

    assert planned(FOUND, held, groups("acme.com", unmark=True))["polar_customer"] is True


@pytest.mark.parametrize("overwrite_typed", [False, True])
def test_a_number_that_a_person_typed_is_written_over_only_where_a_setting_says_so(overwrite_typed: bool) -> None:
    held = record(actor="workspace-member", polar_customer_count=Decimal(7))

    values = planned(FOUND, held, groups("acme.com"), overwrite_typed=overwrite_typed)

    assert values.get("polar_customer_count") == (1 if overwrite_typed else None)


def test_a_plan_says_what_is_left_empty() -> None:
    customers = groups("acme.com", mrr=(Money(500, "EUR"),))

    plan = plan_company(ACME, None, customers, TARGETS, overwrite_typed=False)

    assert plan.left_empty == {"polar_mrr": "it is paid in EUR, the attribute is in USD"}


FIRST, SECOND, OTHER = record("c1"), record("c2"), record("c3", "acme.org")


@pytest.mark.parametrize(
    ("candidate", "companies", "found"),
    [
        (ACME, [OTHER, FIRST], FIRST),
        (ACME, [OTHER], None),
        (FOUND, [FIRST], FIRST),
        (FOUND, [SECOND], SECOND),
        (Candidate((), "c1", "link"), [FIRST], FIRST),
        (BOTH, [OTHER, FIRST], FIRST),
        (BOTH, [OTHER], OTHER),
        (Candidate((), "gone", "link"), [], None),
    ],
)
def test_a_company_is_the_record_that_it_was_seen_as_or_else_the_one_that_holds_its_first_domain(
    candidate: Candidate, companies: list[CompanyRecord], found: CompanyRecord | None
) -> None:
    assert record_of(candidate, FoundCompanies(companies)) == found


def test_where_two_records_hold_a_domain_both_are_named_and_what_to_do() -> None:
    assert record_of(BOTH, FoundCompanies([FIRST, SECOND, OTHER])) == CompanyOutcome(
        "acme.com",
        ("acme.com", "acme.org"),
        Result.AMBIGUOUS,
        Reason.TWO_RECORDS,
        "Several companies in Attio hold the domain acme.com: merge them, or take it off all but one.",
        urls=(FIRST.url, SECOND.url),
    )


@pytest.mark.parametrize("key", ["acme.org", "c1"])
def test_a_company_is_no_record_where_one_of_its_keys_could_not_be_searched_for(key: str) -> None:
    assert record_of(BOTH, FoundCompanies([FIRST], frozenset({key}))) == CompanyOutcome(
        "acme.com",
        ("acme.com", "acme.org"),
        Result.REJECTED,
        Reason.NOT_TAKEN,
        "Attio failed on each search for this company. The next pass tries again.",
    )


MARK = Change("polar_customer", None, True)


@pytest.mark.parametrize(
    ("before", "changes", "result"),
    [(None, (MARK,), Result.CREATED), (FIRST, (MARK,), Result.UPDATED), (FIRST, (), Result.UNCHANGED)],
)
def test_the_outcome_of_a_plan_names_the_record_and_what_was_written(
    before: CompanyRecord | None, changes: tuple[Change, ...], result: Result
) -> None:
    keys = tuple(change.key for change in changes)

    assert done(CompanyPlan(BOTH, before, changes), FIRST) == CompanyOutcome(
        "acme.com", ("acme.com", "acme.org"), result, None, None, "c1", (FIRST.url,), keys
    )


def test_the_outcome_of_a_plan_says_what_is_left_empty() -> None:
    outcome = done(CompanyPlan(ACME, FIRST, (), {"a": "too big", "b": "too old"}), FIRST)

    assert outcome.reason is Reason.LEFT_EMPTY
    assert outcome.detail == "a is left empty: too big; b is left empty: too old."


@pytest.mark.parametrize(("before", "record_id", "urls"), [(None, None, ()), (FIRST, "c1", (FIRST.url,))])
def test_the_outcome_of_a_company_that_could_not_be_written_names_the_record_where_there_is_one(
    before: CompanyRecord | None, record_id: str | None, urls: tuple[str, ...]
) -> None:
    assert not_taken_company(BOTH, "Attio failed.", before) == CompanyOutcome(
        "acme.com",
        BOTH.domains,
        Result.REJECTED,
        Reason.NOT_TAKEN,
        "Attio failed. The next pass tries again.",
        record_id,
        urls,
    )


def test_what_is_on_record_before_a_company_is_made_is_its_first_domain_and_what_it_will_hold() -> None:
    intent = intent_of_company(CompanyPlan(BOTH, None, (MARK,)))

    assert (intent.customer_id, intent.record_id, intent.object_slug) == (None, None, "companies")
    assert (intent.action, intent.matching_value) == (WriteAction.CREATE, "acme.com")
    assert intent.values == (
        WrittenValue("domains", None, None, "acme.com"),
        WrittenValue("polar_customer", None, None, True),
    )


def test_what_is_on_record_before_a_company_is_updated_is_its_record_and_who_wrote_what_is_there() -> None:
    held = record(actor="app", polar_customer_count=Decimal(7))

    intent = intent_of_company(CompanyPlan(FOUND, held, (MARK, Change("polar_customer_count", Decimal(7), Decimal(1)))))

    assert (intent.customer_id, intent.record_id, intent.object_slug) == (None, "c1", "companies")
    assert (intent.action, intent.matching_value) == (WriteAction.UPDATE, None)
    assert intent.values == (
        WrittenValue("polar_customer", None, None, True),
        WrittenValue("polar_customer_count", Decimal(7), "app", Decimal(1)),
    )
