"""The engine of companies where requests fail, come too late or lose their answer: what each company is said to be."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from polar_attio_pipeline.sync.companies import engine as company_engine
from polar_attio_pipeline.sync.companies.engine import CompanyServices, bring_companies
from polar_attio_pipeline.sync.companies.groups import Company, CompanyRecord, Groups
from polar_attio_pipeline.sync.companies.planning import not_taken_company, rejected
from polar_attio_pipeline.sync.companies.ports import DomainTakenError
from polar_attio_pipeline.sync.health import TOLERATED, TOLERATED_SEARCHES, Kind
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import DeniedError, RecordRefusedError, UnavailableError
from polar_attio_pipeline.sync.records import Values
from polar_attio_pipeline.sync.writes import WriteAction
from polar_attio_pipeline_tests.sync.companies.crm import ACME, Crm, candidates, failing_with, groups


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes are given up after a moment."""
    monkeypatch.setattr(company_engine, "FRESH_SECONDS", 0.03)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each company is a portion of its own."""
    monkeypatch.setattr(company_engine, "portion_size", lambda _: 1)


async def after_failures(services: CompanyServices, kind: Kind, times: int) -> CompanyServices:
    """Services of which requests of one kind have failed so many times in a row."""
    for _ in range(times):
        await services.health.failed(kind, UnavailableError("Attio failed."))
    return services


async def test_what_does_not_go_through_is_looked_up_in_smaller_portions_and_each_company_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(company_engine, "portion_size", lambda _: 4)
    domains = [f"acme{number}.com" for number in range(8)]
    crm = Crm(before=failing_with(DomainTakenError(), of="create"))

    await bring_companies(candidates(*domains), groups(*domains), crm.services(), crm.record)

    searched = [len(key.split()) for what, key in crm.calls if what == "find"]
    assert searched == [4] * 2 + [2] * 4 + [1] * 8
    assert crm.results() == dict.fromkeys(domains, Result.REJECTED)


async def test_where_searches_have_failed_for_all_no_more_is_sent_and_each_company_says_why() -> None:
    crm = Crm()
    services = await after_failures(crm.services(), Kind.SEARCH_COMPANIES, TOLERATED_SEARCHES + 1)

    await bring_companies(candidates("a.com", "b.com"), groups("a.com", "b.com"), services, crm.record)

    why = "All searches for companies fail at present, so this one was left out: Attio failed."
    assert crm.calls == []
    assert crm.outcomes == [not_taken_company(candidate, why) for candidate in candidates("a.com", "b.com")]


@pytest.mark.parametrize(
    ("is_there", "kind", "said"),
    [
        (False, Kind.CREATE_COMPANIES, "creations of companies"),
        (True, Kind.UPDATE_COMPANIES, "updates of companies"),
    ],
)
async def test_where_writes_have_failed_for_all_no_more_is_sent_and_none_stays_as_intended(
    is_there: bool, kind: Kind, said: str
) -> None:
    crm = Crm()
    found = crm.put("acme.com") if is_there else None
    services = await after_failures(crm.services(), kind, TOLERATED + 1)

    await bring_companies([ACME], groups("acme.com"), services, crm.record)

    why = f"All {said} fail at present, so this one was left out: Attio failed."
    assert crm.outcomes == [not_taken_company(ACME, why, found)]
    assert [what for what, _ in crm.calls] == ["find"]
    assert (crm.written, crm.open) == ([], [])


async def test_searches_that_fail_for_all_are_given_up(one_by_one: None) -> None:
    domains = [f"acme{number}.com" for number in range(TOLERATED_SEARCHES + 3)]
    crm = Crm(before=failing_with(UnavailableError("Attio failed."), of="find"))
    services = crm.services()

    await bring_companies(candidates(*domains), groups(*domains), services, crm.record)

    assert len(crm.calls) == TOLERATED_SEARCHES + 1
    assert len(crm.outcomes) == len(domains)
    assert crm.outcomes[0] == not_taken_company(candidates(*domains)[0], "Attio failed.")
    assert (services.health.closed(Kind.SEARCH_COMPANIES) or "").endswith(": Attio failed.")


@pytest.mark.parametrize("is_there", [False, True])
async def test_writes_that_fail_for_all_are_given_up_by_their_kind(is_there: bool, one_by_one: None) -> None:
    crm = Crm(before=failing_with(UnavailableError("Attio failed."), of="update" if is_there else "create"))
    if is_there:
        crm.put("acme.com")
    kind = Kind.UPDATE_COMPANIES if is_there else Kind.CREATE_COMPANIES
    services = await after_failures(crm.services(), kind, TOLERATED)

    await bring_companies([ACME], groups("acme.com"), services, crm.record)

    assert services.health.closed(kind)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.SEARCH_COMPANIES, None),
        (Kind.CREATE_COMPANIES, None),
        (Kind.CREATE_COMPANIES, DomainTakenError()),
        (Kind.CREATE_COMPANIES, RecordRefusedError("An invalid value.")),
    ],
)
async def test_an_answer_shows_that_a_kind_of_request_works_also_where_it_is_a_refusal(
    kind: Kind, error: Exception | None
) -> None:
    crm = Crm(before=failing_with(error, of="create")) if error else Crm()
    services = await after_failures(crm.services(), kind, kind.tolerated)

    await bring_companies([ACME], groups("acme.com"), services, crm.record)

    await after_failures(services, kind, kind.tolerated)
    assert services.health.closed(kind) is None


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("error", [UnavailableError("Attio failed."), DeniedError("A scope is missing.")])
async def test_a_company_that_was_not_written_names_the_failure_and_its_record(
    error: Exception, is_there: bool
) -> None:
    crm = Crm(before=failing_with(error, of="update" if is_there else "create"))
    found = crm.put("acme.com") if is_there else None

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.outcomes == [not_taken_company(ACME, str(error), found)]


async def test_a_company_that_never_comes_in_time_says_so(impatient: None) -> None:
    crm = Crm(wait=10)

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.outcomes == [not_taken_company(ACME, "Attio did not carry the write out within 60 s.")]
    assert crm.written == []


async def test_where_nothing_is_to_be_written_the_service_is_not_asked_whether_it_answers() -> None:
    crm = Crm(answers=False)
    crm.put("acme.com", polar_customer=True, polar_customer_count=Decimal(1), polar_mrr=Decimal(0))

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UNCHANGED}


class BrokenFor(Groups):
    """Groups that cannot be asked for one domain."""

    def of(self, domains: Collection[str]) -> Company:
        if "a.com" in domains:
            raise ZeroDivisionError
        return super().of(domains)


def broken_write(crm: Crm) -> Groups:
    crm.before = failing_with(ZeroDivisionError(), of="create", key="a.com")
    return groups("a.com", "b.com")


def broken_plan(crm: Crm) -> Groups:
    found = BrokenFor()
    found.add("b.com", "somebody@b.com", ())
    return found


@pytest.mark.parametrize("broken", [broken_plan, broken_write])
async def test_a_mistake_of_this_program_costs_one_company_which_says_so_and_the_log_where(
    broken: Callable[[Crm], Groups], caplog: pytest.LogCaptureFixture
) -> None:
    crm = Crm()

    await bring_companies(candidates("a.com", "b.com"), broken(crm), crm.services(), crm.record)

    detail = "This program failed with ZeroDivisionError on the company; the log says where. Report it."
    assert crm.outcomes[0] == rejected(candidates("a.com")[0], Reason.UNEXPECTED, detail)
    assert crm.results() == {"a.com": Result.REJECTED, "b.com": Result.CREATED}
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert message.startswith("ZeroDivisionError on company a.com at ")


@dataclass
class AnswersTooLate(Crm):
    """The first creation is carried out, or not, and its answer does not come.

    Attributes:
        instead: Comes in place of the answer.
        carries_out: Whether the company is there afterwards.
        meanwhile: What happens before the next look.
    """

    instead: Exception = field(default_factory=TimeoutError)
    carries_out: bool = True
    meanwhile: Callable[[Crm], object] = lambda _: None
    is_first: bool = True

    async def create(self, values: Values, *, domain: str) -> CompanyRecord:
        if not self.is_first:
            return await super().create(values, domain=domain)
        self.is_first = False
        if self.carries_out:
            await super().create(values, domain=domain)
        self.meanwhile(self)
        raise self.instead


LOST = [TimeoutError(), DomainTakenError(perhaps_ours=True)]


@pytest.mark.parametrize("instead", LOST)
async def test_a_company_that_was_made_without_an_answer_is_on_record_once_as_made(instead: Exception) -> None:
    crm = AnswersTooLate(instead=instead)

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    (outcome,) = crm.outcomes
    keys = ("polar_customer", "polar_customer_count", "polar_mrr")
    assert (outcome.result, outcome.record_id, outcome.changed) == (Result.CREATED, "c0", keys)
    (write,) = crm.written
    assert (write.record_id, write.action) == ("c0", WriteAction.CREATE)
    assert tuple(value.key for value in write.values) == ("domains", *keys)
    assert crm.open == []


@pytest.mark.parametrize("instead", LOST)
async def test_of_a_company_that_was_made_without_an_answer_and_changed_since_only_what_is_there_is_on_record(
    instead: Exception,
) -> None:
    def change(crm: Crm) -> None:
        crm.put("acme.com", record_id="c0", polar_customer=True, polar_customer_count=Decimal(7))

    crm = AnswersTooLate(instead=instead, meanwhile=change)

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UPDATED}
    assert [(write.action, [value.key for value in write.values]) for write in crm.written] == [
        (WriteAction.CREATE, ["domains", "polar_customer"]),
        (WriteAction.UPDATE, ["polar_customer_count", "polar_mrr"]),
    ]
    assert crm.open == []


@pytest.mark.parametrize("instead", LOST)
async def test_where_the_next_look_shows_nothing_of_a_write_without_an_answer_it_stays_as_intended(
    instead: Exception,
) -> None:
    crm = AnswersTooLate(instead=instead, carries_out=False, meanwhile=lambda crm: crm.put("acme.com"))

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UPDATED}
    assert [write.action for write in crm.written] == [WriteAction.UPDATE]
    assert [intent.action for intent in crm.open] == [WriteAction.CREATE]


async def test_a_company_that_another_pass_has_made_meanwhile_is_not_on_record_as_ours() -> None:
    def made(crm: Crm) -> None:
        crm.put("acme.com", polar_customer=True, polar_customer_count=Decimal(1), polar_mrr=Decimal(0))

    crm = AnswersTooLate(instead=DomainTakenError(), carries_out=False, meanwhile=made)

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    assert crm.results() == {"acme.com": Result.UNCHANGED}
    assert (crm.written, crm.open) == ([], [])


async def test_a_company_that_is_merged_after_the_look_is_looked_up_again() -> None:
    crm = Crm()
    crm.put("acme.com")

    def merge(what: str, key: str) -> None:
        if what == "update" and key == "c0":
            crm.companies.pop(key)
            crm.put("acme.com", record_id="c9")

    crm.before = merge

    await bring_companies([ACME], groups("acme.com"), crm.services(), crm.record)

    (outcome,) = crm.outcomes
    assert (outcome.result, outcome.record_id) == (Result.UPDATED, "c9")
    assert [write.record_id for write in crm.written] == ["c9"]
    assert crm.open == []


async def test_a_write_that_comes_too_late_is_no_outage_where_another_one_comes_in_time() -> None:
    crm = AnswersTooLate(carries_out=False, answers=False)

    await bring_companies(candidates("a.com", "b.com"), groups("a.com", "b.com"), crm.services(), crm.record)

    assert crm.results() == {"a.com": Result.CREATED, "b.com": Result.CREATED}
