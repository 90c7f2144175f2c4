"""The engine of companies against a CRM in memory that is slow, or is written by others at the same time."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from polar_attio_pipeline.sync import deadline
from polar_attio_pipeline.sync.companies import engine as company_engine
from polar_attio_pipeline.sync.companies.engine import bring_companies
from polar_attio_pipeline.sync.companies.groups import CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.links import LinkCandidate, is_due, may_be_linked
from polar_attio_pipeline.sync.companies.planning import Candidate, CompanyOutcome, rejected
from polar_attio_pipeline.sync.companies.ports import DomainTakenError, FoundCompanies
from polar_attio_pipeline.sync.deadline import TimeIsUpError
from polar_attio_pipeline.sync.health import TOLERATED, KindClosedError, ServiceDownError
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    RecordRefusedError,
    StoppedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person, Values
from polar_attio_pipeline.sync.writes import WrittenValue
from polar_attio_pipeline_tests.sync.companies.crm import ACME, Crm, candidates, failing_with, groups


async def test_a_company_that_another_writer_created_meanwhile_is_found_and_updated() -> None:
    crm = Crm()

    def created_by_attio(what: str, key: str) -> None:
        if what == "create" and not crm.holding(key):
            crm.put(key)

    crm.before = created_by_attio

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UPDATED}
    assert len(crm.companies) == 1
    assert [write.values[0].key for write in crm.written] == ["polar_customer"]


async def test_a_marked_company_that_was_merged_meanwhile_is_found_by_its_domain() -> None:
    crm = Crm()
    merged = crm.put("acme.com")
    candidate = Candidate(("acme.com",), "gone", "acme.com")

    await bring_companies([candidate], groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UPDATED}
    assert crm.outcomes[0].record_id == merged.record_id


async def test_a_company_without_customers_that_is_no_more_needs_nothing() -> None:
    crm = Crm()

    await bring_companies([Candidate((), "gone", "link")], groups(), crm.services(), crm.record)

    assert crm.outcomes == []
    assert [what for what, _ in crm.calls] == ["find"]


async def test_a_company_without_customers_is_found_by_its_record_and_has_none_now() -> None:
    crm = Crm()
    record = crm.put("acme.com", polar_customer_count=Decimal(7), polar_mrr=Decimal(0))

    await bring_companies([Candidate((), record.record_id, "link")], groups(), crm.services(), crm.record)

    assert crm.results() == {"link": Result.UPDATED}
    assert [(value.key, value.new) for write in crm.written for value in write.values] == [("polar_customer_count", 0)]


async def test_a_company_that_holds_everything_is_unchanged_and_says_what_is_left_empty() -> None:
    crm = Crm()
    record = crm.put("acme.com", polar_customer=True, polar_customer_count=Decimal(1))
    customers = Groups()
    customers.add("acme.com", "ada@acme.com", (Money(500, "EUR"),))

    await bring_companies([ACME], customers, crm.services(), crm.record)

    detail = "polar_mrr is left empty: it is paid in EUR, the attribute is in USD."
    assert crm.outcomes == [
        CompanyOutcome(
            "acme.com", ("acme.com",), Result.UNCHANGED, Reason.LEFT_EMPTY, detail, record.record_id, (record.url,)
        )
    ]
    assert crm.open == []


@pytest.mark.parametrize("overwrite_typed", [False, True])
async def test_a_number_that_a_person_typed_is_written_over_only_where_a_setting_says_so(overwrite_typed: bool) -> None:
    crm = Crm()
    record = crm.put("acme.com", polar_customer=True, polar_mrr=Decimal(0))
    typed = {"polar_customer_count": CurrentValue(Decimal(7), "workspace-member")}
    crm.companies[record.record_id] = replace(record, values={**record.values, **typed})

    await bring_companies([ACME], groups("acme.com"), crm.services(overwrite_typed=overwrite_typed), crm.record)

    assert crm.results() == {"acme.com": Result.UPDATED if overwrite_typed else Result.UNCHANGED}


async def test_two_domains_that_turn_out_to_be_of_one_company_are_written_at_once() -> None:
    crm = Crm()
    crm.put("acme.com", "acme.org")

    await bring_companies(
        candidates("acme.com", "acme.org"), groups("acme.com", "acme.org"), crm.services(), crm.record
    )

    (outcome,) = crm.outcomes
    assert outcome.domains == ("acme.com", "acme.org")
    assert [what for what, _ in crm.calls] == ["find", "update"]


async def test_a_domain_that_stays_taken_by_a_record_that_no_search_shows_is_named_after_three_looks() -> None:
    crm = Crm(before=failing_with(DomainTakenError(), of="create"))

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    (outcome,) = crm.outcomes
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.NOT_TAKEN)
    assert "the domain is taken" in (outcome.detail or "")
    assert [what for what, _ in crm.calls] == ["find", "create"] * 3


async def test_writes_that_come_too_late_are_tried_again_and_one_that_was_done_all_the_same_is_on_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(company_engine, "FRESH_SECONDS", 0.05)

    class Slow(Crm):
        async def create(self, values: Values, *, domain: str) -> CompanyRecord:
            made = await super().create(values, domain=domain)
            await asyncio.sleep(10 if domain == "acme.com" else 0)
            return made

    crm = Slow()

    await bring_companies(
        candidates("acme.com", "globex.com"), groups("acme.com", "globex.com"), crm.services(), crm.record
    )

    assert crm.results() == {"acme.com": Result.CREATED, "globex.com": Result.CREATED}
    assert sorted(write.record_id for write in crm.written) == sorted(crm.companies)


@pytest.mark.parametrize(
    ("error", "is_known"),
    [
        (RecordRefusedError("An invalid value."), True),
        (DeniedError("A scope is missing."), True),
        (DomainTakenError(), True),
        (DomainTakenError(perhaps_ours=True), False),
        (UnavailableError("503"), False),
        (ZeroDivisionError(), False),
    ],
)
async def test_a_write_stays_on_record_as_intended_where_the_error_does_not_say_that_nothing_was_written(
    error: Exception, is_known: bool
) -> None:
    crm = Crm(before=failing_with(error, of="create"))

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    assert crm.written == []
    assert ([intent.matching_value for intent in crm.open] == []) is is_known


async def test_where_no_write_comes_in_time_and_the_service_answers_nothing_the_pass_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(company_engine, "FRESH_SECONDS", 0.02)
    crm = Crm(wait=10, answers=False)

    with pytest.raises(ServiceDownError, match="Not one of 2 writes went through"):
        await bring_companies(candidates("a.com", "b.com"), groups("a.com", "b.com"), crm.services(), crm.record)


async def test_a_search_that_fails_costs_its_portion_and_the_pass_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_engine, "portion_size", lambda _: 2)
    crm = Crm(before=failing_with(UnavailableError("Attio failed."), of="find", key="a.com b.com"))
    domains = ("a.com", "b.com", "c.com", "d.com")
    services = crm.services()

    await bring_companies(candidates(*domains), groups(*domains), services, crm.record)

    results = dict.fromkeys(domains[:2], Result.REJECTED) | dict.fromkeys(domains[2:], Result.CREATED)
    assert crm.results() == results
    assert [key for what, key in crm.calls if what == "find"] == ["a.com b.com", "c.com d.com"]
    with pytest.raises(KindClosedError, match=r"Some searches for companies failed, and what needs them waits\. A"):
        services.health.check()


async def test_a_kind_of_request_that_fails_for_all_is_given_up_and_said_at_the_end() -> None:
    domains = [f"acme{number}.com" for number in range(3 * TOLERATED)]
    crm = Crm(before=failing_with(UnavailableError("Attio failed."), of="create"))
    crm.put("old.com")
    services = crm.services()

    await bring_companies(
        [*candidates(*domains), Candidate(("old.com",), None, "old.com")],
        groups(*domains, "old.com"),
        services,
        crm.record,
    )

    assert crm.results()["old.com"] is Result.UPDATED
    assert len(crm.outcomes) == len(domains) + 1
    assert sum(what == "create" for what, _ in crm.calls) < len(domains)
    with pytest.raises(KindClosedError, match="All creations of companies fail at present"):
        services.health.check()


async def test_what_would_fail_for_all_ends_the_pass_at_once() -> None:
    crm = Crm(before=failing_with(StoppedError("The key was revoked."), of="create", key="b.com"))

    with pytest.raises(StoppedError, match="revoked"):
        await bring_companies(candidates("a.com", "b.com"), groups("a.com", "b.com"), crm.services(), crm.record)


async def test_a_pass_that_takes_far_longer_than_its_number_implies_begins_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "time_limit", lambda *_: -1)
    crm = Crm()

    with pytest.raises(TimeIsUpError, match="the pass over 1 companies ended"):
        await bring_companies(candidates("a.com"), groups("a.com"), crm.services(), crm.record)

    assert crm.calls == []


async def test_a_pass_that_is_asked_to_end_lets_the_writes_under_way_come_to_an_end() -> None:
    asked, begun_to_write = asyncio.Event(), asyncio.Event()
    crm = Crm(wait=0.05, before=lambda what, _: begun_to_write.set() if what == "create" else None)
    domains = [f"acme{number}.com" for number in range(100)]
    work = bring_companies(candidates(*domains), groups(*domains), crm.services(is_stopping=asked.is_set), crm.record)
    task = asyncio.create_task(work)
    await begun_to_write.wait()

    asked.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    begun = [key for what, key in crm.calls if what == "create"]
    assert 0 < len(begun) < len(domains)
    assert set(crm.results()) == set(begun)


def person(company: str | None, actor: Actor = "api-token", *, customer: str = "ada") -> Person:
    held = CurrentValue(company, actor) if company else None
    return Person("p1", "", (), {"polar_customer_id": CurrentValue(customer, "api-token")}, held)


LINKS = [
    (person(None), None, True),
    (person(None), "acme", True),
    (person("acme"), None, False),
    (person("acme"), "acme", False),
    (person("initech"), None, False),
    (person("initech"), "initech", True),
    (person("initech"), "globex", False),
    (person("initech", "workspace-member"), "initech", False),
    (person("initech", "system"), "initech", False),
    (person("initech", "app"), "initech", False),
    (person(None, customer="bob"), None, False),
]


@pytest.mark.parametrize(("found", "linked_before", "due"), LINKS)
def test_only_a_person_without_a_company_or_whom_a_pass_has_linked_is_linked(
    found: Person, linked_before: str | None, due: bool
) -> None:
    assert is_due(found, LinkCandidate("p1", "ada", "acme"), linked_before) is due
    assert may_be_linked(found, "acme") or not due


def refusing(*keys: str, named: bool = True) -> Callable[[Values], None]:
    """Refuses values of some attributes, one at a time."""

    def check(values: Values) -> None:
        for key in keys:
            if key in values:
                raise RecordRefusedError("An invalid value.", field=key if named else None)

    return check


@dataclass
class Picky(Crm):
    """A CRM that does not take everything."""

    check: Callable[[Values], None] = lambda _: None

    async def create(self, values: Values, *, domain: str) -> CompanyRecord:
        self.check(values)
        return await super().create(values, domain=domain)

    async def update(self, record_id: str, values: Values) -> CompanyRecord:
        self.check(values)
        return await super().update(record_id, values)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("check", "written", "said"),
    [
        (refusing("polar_customer_count"), ("polar_customer", "polar_mrr"), "Attio refused polar_customer_count: An"),
        (refusing("polar_customer_count", "polar_mrr"), ("polar_customer",), "Attio refused polar_mrr: An"),
        (refusing("polar_mrr", named=False), ("polar_customer",), "Attio refused polar_customer_count or polar_mrr: "),
    ],
)
async def test_a_value_that_is_refused_costs_that_value(
    check: Callable[[Values], None], written: tuple[str, ...], said: str, is_there: bool
) -> None:
    crm = Picky(check=check)
    if is_there:
        crm.put("acme.com")

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    (outcome,) = crm.outcomes
    assert outcome.result is (Result.UPDATED if is_there else Result.CREATED)
    assert outcome.reason is Reason.PARTLY_REFUSED
    assert outcome.changed == written
    assert said in (outcome.detail or "")
    (record,) = crm.companies.values()
    assert tuple(record.values) == written
    recorded = [value.key for write in crm.written for value in write.values]
    assert recorded == [*([] if is_there else ["domains"]), *written]


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("field", "where"), [("polar_customer", "polar_customer"), ("domains", "domains"), (None, "the record")]
)
async def test_a_company_of_which_the_mark_or_the_domain_or_everything_is_refused_is_rejected(
    field: str | None, where: str, is_there: bool
) -> None:
    def check(values: Values) -> None:
        raise RecordRefusedError("An invalid value.", field=field)

    crm = Picky(check=check)
    found = crm.put("acme.com") if is_there else None

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    detail = f"Attio refused {where}: An invalid value. Correct it in Attio; the next pass tries again."
    assert crm.outcomes == [rejected(ACME, Reason.REFUSED, detail, found)]
    assert (crm.written, crm.open) == ([], [])


async def test_where_nothing_is_left_of_an_update_nothing_is_on_record() -> None:
    crm = Picky(check=refusing("polar_customer_count"))
    crm.put("acme.com", polar_customer=True, polar_mrr=Decimal(0))

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    (outcome,) = crm.outcomes
    assert (outcome.result, outcome.reason, outcome.changed) == (Result.UNCHANGED, Reason.PARTLY_REFUSED, ())
    assert crm.written == []
    assert [what for what, _ in crm.calls] == ["find"], "nothing is left to send"


async def test_a_company_that_the_crm_cannot_search_for_is_not_created() -> None:
    class Blind(Crm):
        async def find(self, *, domains: Collection[str], records: Collection[str] = ()) -> FoundCompanies:
            return FoundCompanies((), frozenset({"acme.com"}))

    crm = Blind()

    await bring_companies(candidates("acme.com", "b.com"), groups("acme.com", "b.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.REJECTED, "b.com": Result.CREATED}


async def test_the_history_says_what_was_there_before_and_who_had_written_it() -> None:
    crm = Crm()
    record = crm.put("acme.com", polar_customer_count=Decimal(7))

    await bring_companies(candidates("acme.com"), groups("acme.com"), crm.services(), crm.record)

    (write,) = crm.written
    assert (write.customer_id, write.object_slug, write.record_id) == (None, "companies", record.record_id)
    assert write.values == (
        WrittenValue("polar_customer", None, None, True),
        WrittenValue("polar_customer_count", Decimal(7), "api-token", Decimal(1)),
        WrittenValue("polar_mrr", None, None, Decimal(0)),
    )
