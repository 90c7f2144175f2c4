"""A pass over companies: who belongs to which, what is written of it, and who is linked to it."""

import logging
from datetime import timedelta

import pytest

from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.progress import Ended, Event
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.health import ServiceDownError
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline_tests.passes.company_stage import COMPANIES, Companies
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Stage


@pytest.fixture
def companies(stage: Stage) -> Companies:
    return Companies(stage)


def fail(companies: Companies, path: str, **fields: object) -> None:
    given = {"kind": Kind.STATUS, "service": "attio", "path": path, "status": 500, **fields}
    companies.stage.sandbox.faults.add(Fault.model_validate(given))


def test_customers_are_grouped_by_the_domain_of_their_business(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    companies.customer("bob@mail.acme.com", mrr=500)
    companies.customer("eve@globex.co.uk")
    companies.customer("joe@gmail.com", mrr=9900)

    done = companies.whole()

    assert companies.marked() == {"acme.com": (2, 15), "globex.co.uk": (1, 0)}
    assert (done.customers, done.without) == (3, 1)
    assert sum(done.counts.values()) == 2


def test_a_second_pass_writes_nothing_and_one_row_to_the_ledger(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com", mrr=1000)
    companies.customer("bob@globex.com")
    companies.stage.reconcile()
    companies.unlink([ada])
    companies.run()
    before = companies.stage.writes

    done = companies.run()

    assert companies.stage.writes == before
    assert done.counts == {Result.UNCHANGED: 2}
    assert (done.links.linked, done.links.moved) == (0, 0)
    assert companies.stage.ledger.changes_of_pass("pass-4-companies") == []


def test_a_company_is_created_where_attio_has_none(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)

    done = companies.run()

    company = companies.of("acme.com")
    assert company.created_by == "api-token"
    assert done.counts == {Result.CREATED: 1}
    written = {row.attribute: row.new_value for row in companies.stage.ledger.changes_of_pass("pass-1-companies")}
    assert written == {"domains": "acme.com", "polar_customer": True, "polar_customer_count": 1, "polar_mrr": 10}


def test_a_company_that_attio_made_of_a_person_is_used(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")

    companies.whole()

    assert len(companies.all()) == 1
    company = companies.of("acme.com")
    assert company.created_by == "system"
    assert company.values["polar_customer"] is True
    assert companies.company_of(ada) == (company.id, "system")


def test_one_company_with_two_domains_has_the_customers_of_both(companies: Companies) -> None:
    companies.add("acme.com", "acme.org", name="Acme")
    companies.customer("ada@acme.com", mrr=1000)
    companies.customer("bob@acme.org", mrr=1000)

    done = companies.whole()

    assert companies.marked() == {"acme.com": (2, 20)}
    assert companies.of("acme.org").values["name"] == "Acme"
    assert done.counts == {Result.UPDATED: 1}


def test_a_company_is_found_in_another_spelling_of_its_domain(companies: Companies) -> None:
    companies.add("b\u00fccher.de")
    companies.customer("ada@xn--bcher-kva.de")

    companies.run()

    assert list(companies.marked().values()) == [(1, 0)]
    assert len(companies.all()) == 1


def test_where_two_companies_hold_a_domain_nothing_is_written_and_both_are_named(companies: Companies) -> None:
    first = companies.add("acme.com", name="Acme")
    second = companies.add("acme.com", name="Acme Inc", unique=False)
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada])

    done = companies.run()

    (outcome,) = done.notable
    assert outcome.result is Result.AMBIGUOUS
    assert outcome.detail is not None
    assert "acme.com" in outcome.detail
    assert {url.rpartition("/")[2] for url in outcome.urls} == {first, second}
    assert companies.marked() == {}
    assert companies.company_of(ada) == (None, None)


def test_where_two_marked_companies_hold_a_domain_neither_is_changed(companies: Companies) -> None:
    for name in ("Acme", "Acme Inc"):
        companies.add("acme.com", name=name, unique=False, polar_customer=True, polar_customer_count=7)
    companies.customer("ada@acme.com")

    done = companies.whole()

    assert [outcome.result for outcome in done.notable] == [Result.AMBIGUOUS]
    assert {company.values["polar_customer_count"] for company in companies.all()} == {7}


def test_a_person_without_a_company_is_linked(companies: Companies) -> None:
    ada, bob = companies.customer("ada@acme.com"), companies.customer("bob@globex.com")
    companies.stage.reconcile()
    companies.unlink([ada])

    done = companies.run()

    assert companies.company_of(ada) == (companies.of("acme.com").id, "api-token")
    assert companies.company_of(bob) == (companies.of("globex.com").id, "system")
    assert done.links.linked == 1
    (row,) = (row for row in companies.stage.ledger.changes_of_customer(ada.id) if row.attribute == "company")
    assert (row.object, row.old_value, row.new_value) == ("people", None, companies.of("acme.com").id)


def test_a_person_whose_customer_is_left_out_is_not_linked_and_still_counts(companies: Companies) -> None:
    ada, bob = companies.customer("ada@acme.com"), companies.customer("bob@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada, bob])
    companies.stage.ledger.skip(ada.id)

    done = companies.run()

    assert done.links.linked == 1
    assert companies.company_of(bob) == (companies.of("acme.com").id, "api-token")
    assert [row.attribute for row in companies.stage.ledger.changes_of_customer(ada.id)].count("company") == 0
    assert companies.of("acme.com").values["polar_customer_count"] == 2


@pytest.mark.parametrize("actor", ["workspace-member", "app", "system", "api-token"])
def test_a_company_that_somebody_else_chose_for_a_person_stays(companies: Companies, actor: str) -> None:
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    other = companies.add("initech.com")
    companies.choose(ada, other, actor)  # type: ignore[arg-type]

    done = companies.run()

    assert companies.company_of(ada) == (other, actor)
    assert (done.links.linked, done.links.moved, done.links.failed) == (0, 0, {})


def test_a_person_that_a_pass_has_linked_follows_its_customer_to_another_company(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada])
    companies.run()

    companies.stage.sandbox.polar.update_customer(ada.id, email="ada@globex.com")
    companies.stage.reconcile()
    companies.run()

    assert companies.company_of(ada)[0] == companies.of("globex.com").id
    assert companies.of("acme.com").values["polar_customer_count"] == 0
    assert companies.of("globex.com").values["polar_customer_count"] == 1


def test_so_does_one_that_attio_itself_has_linked(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")
    companies.whole()

    companies.stage.sandbox.polar.update_customer(ada.id, email="ada@globex.com")
    companies.whole()
    companies.stage.sandbox.clock.shift(timedelta(seconds=1))

    assert companies.company_of(ada) == (companies.of("globex.com").id, "system")


def test_so_does_one_who_held_the_new_address_before(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    person = companies.person(ada)
    companies.attio.edit_person(person.id, {"email_addresses": ["ada@acme.com", "ada@globex.com"]})
    companies.stage.sandbox.clock.shift(timedelta(seconds=1))
    companies.unlink([ada])
    companies.run()
    assert companies.company_of(ada) == (companies.of("acme.com").id, "api-token")

    companies.stage.sandbox.polar.update_customer(ada.id, email="ada@globex.com")
    done = companies.whole()

    assert companies.company_of(ada) == (companies.of("globex.com").id, "api-token")
    assert (done.links.linked, done.links.moved) == (0, 1)


def test_a_company_that_a_person_chose_is_kept_through_a_change_of_address(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada])
    companies.run()
    # The very company that the pass had linked, but chosen by a person now.
    companies.choose(ada, companies.of("acme.com").id)

    companies.stage.sandbox.polar.update_customer(ada.id, email="ada@globex.com")
    companies.whole()

    assert companies.company_of(ada)[0] == companies.of("acme.com").id


def test_what_a_person_typed_into_a_company_stays_unless_a_setting_lets_polar_win(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    companies.whole()
    companies.edit(companies.of("acme.com").id, {"polar_customer_count": 50, "polar_mrr": 99})

    companies.run()
    assert companies.marked() == {"acme.com": (50, 99)}

    companies.stage.rules = Rules(overwrite_typed=True)
    companies.run()
    assert companies.marked() == {"acme.com": (1, 10)}


def test_a_domain_of_the_deny_list_makes_no_company(companies: Companies) -> None:
    companies.deny = frozenset({"acme.com"})
    ada = companies.customer("ada@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada])

    done = companies.run()

    assert companies.marked() == {}
    assert companies.company_of(ada) == (None, None)
    assert (done.customers, done.without) == (0, 1)


def test_a_persons_own_domain_makes_no_company_until_a_second_customer_has_it(companies: Companies) -> None:
    companies.customer("ada@ada.dev")
    companies.whole()
    assert companies.marked() == {}

    bob = companies.customer("bob@ada.dev")
    companies.whole()
    assert companies.marked() == {"ada.dev": (2, 0)}

    companies.stage.sandbox.polar.delete_customer(bob.id)
    companies.whole()
    assert companies.marked() == {"ada.dev": (1, 0)}


def test_revenue_in_another_currency_leaves_the_attribute_empty_and_says_why(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com", mrr=1000)
    companies.whole()
    assert companies.marked() == {"acme.com": (1, 10)}

    companies.subscribe(ada, 500, "eur")
    done = companies.whole()

    assert companies.marked() == {"acme.com": (1, None)}
    (outcome,) = done.notable
    assert (outcome.result, outcome.reason) == (Result.UPDATED, Reason.LEFT_EMPTY)
    assert outcome.detail == "polar_mrr is left empty: it is paid in EUR, the attribute is in USD."
    events: list[Event] = []
    assert [one.reason for one in companies.run(report=events.append).notable] == [Reason.LEFT_EMPTY]
    assert sentences(events[-1])[1:] == [
        "Companies with a value that Attio cannot hold: acme.com: polar_mrr is left empty: it is paid in EUR, the "
        "attribute is in USD."
    ]


def test_without_the_scope_for_subscriptions_all_but_revenue_is_written(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    token = companies.stage.sandbox.polar.tokens[POLAR_TOKEN]
    token.scopes = token.scopes - {"subscriptions:read", "subscriptions:write"}

    done = companies.whole()

    assert companies.marked() == {"acme.com": (1, None)}
    assert all(outcome.reason is None for outcome in done.notable)


def test_without_that_scope_revenue_stays_as_it_is_also_of_a_company_whose_customers_have_left(
    companies: Companies,
) -> None:
    ada = companies.customer("ada@acme.com", mrr=1000)
    companies.customer("bob@globex.com", mrr=1000)
    companies.whole()
    token = companies.stage.sandbox.polar.tokens[POLAR_TOKEN]
    token.scopes = token.scopes - {"subscriptions:read", "subscriptions:write"}
    companies.stage.sandbox.polar.delete_customer(ada.id)

    companies.whole()

    assert companies.marked() == {"acme.com": (0, 10), "globex.com": (1, 10)}


@pytest.mark.parametrize(("unmark", "marked"), [(False, {"acme.com": (0, 0)}), (True, {})])
def test_a_company_whose_customers_have_left_has_none(
    companies: Companies, unmark: bool, marked: dict[str, tuple[int, int]]
) -> None:
    companies.stage.rules = Rules(unmark_orphaned=unmark, unmark_max_share=1, shrink_max_share=1)
    ada = companies.customer("ada@acme.com", mrr=1000)
    companies.customer("joe@gmail.com")
    companies.whole()

    companies.stage.sandbox.polar.delete_customer(ada.id)
    done = companies.whole()

    assert companies.marked() == marked
    company = companies.of("acme.com")
    assert (company.values["polar_customer_count"], company.values["polar_mrr"]) == (0, 0)
    assert [url.rpartition("/")[2] for url in done.left] == [company.id]
    before = companies.stage.writes
    companies.run()
    assert companies.stage.writes == before


def test_a_mark_that_a_person_has_set_is_not_taken_off(companies: Companies) -> None:
    companies.stage.rules = Rules(unmark_orphaned=True, unmark_max_share=1)
    companies.add("initech.com", polar_customer=True)
    companies.customer("ada@acme.com")

    companies.whole()

    assert companies.marked() == {"initech.com": (0, 0), "acme.com": (1, 0)}


def test_no_mark_is_taken_off_where_too_large_a_share_would_lose_it(companies: Companies) -> None:
    companies.stage.rules = Rules(unmark_orphaned=True, unmark_max_share=0.4)
    ada = companies.customer("ada@acme.com")
    companies.customer("bob@globex.com")
    companies.whole()

    companies.stage.sandbox.polar.delete_customer(ada.id)
    companies.whole()

    assert companies.marked() == {"acme.com": (0, 0), "globex.com": (1, 0)}


def test_a_customer_whom_polar_cannot_show_is_not_taken_for_one_who_has_left(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    bob = companies.customer("bob@acme.com", mrr=1000)
    companies.whole()
    fail(companies, "/v1/customers/export", service="polar", kind=Kind.REFUSE, status=403)
    companies.stage.sandbox.polar.break_customer(bob.id)

    companies.run()

    assert companies.marked() == {"acme.com": (2, 20)}


def test_a_team_counts_with_the_address_that_its_person_in_attio_has(companies: Companies) -> None:
    stage = companies.stage
    team = stage.add("acme", email=None, type="team")
    stage.sandbox.polar.add_member(team.id, email="owner@acme.com", name="Owen Owner")
    companies.subscribe(team, 4000)
    lone = stage.add("lone", email=None, type="team")

    done = companies.whole()

    assert companies.marked() == {"acme.com": (1, 40)}
    assert (done.customers, done.without) == (1, 1)
    assert stage.person_of(lone.id) is None


def test_only_customers_count_who_are_to_be_written_at_all(companies: Companies) -> None:
    companies.stage.rules = Rules(audience=Audience.PAYS_NOW)
    companies.customer("ada@acme.com", mrr=1000)
    companies.customer("bob@acme.com")
    companies.customer("eve@globex.com")

    companies.whole()

    assert companies.marked() == {"acme.com": (1, 10)}


def test_a_refused_value_costs_that_value(companies: Companies, caplog: pytest.LogCaptureFixture) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    companies.stage.reconcile()
    companies.attio.refuse_values("polar_customer_count")

    with caplog.at_level(logging.WARNING, "polar_attio_pipeline.passes.companies"):
        done = companies.run()

    assert companies.marked() == {"acme.com": (None, 10)}
    (outcome,) = done.failed
    assert outcome.reason is Reason.PARTLY_REFUSED
    assert outcome.changed == ("polar_customer", "polar_mrr")
    assert "acme.com" in caplog.text
    assert "@" not in caplog.text


def test_a_refused_company_costs_that_company(companies: Companies) -> None:
    ada, bob = companies.customer("ada@acme.com"), companies.customer("bob@globex.com")
    companies.stage.reconcile()
    companies.unlink([ada, bob])
    companies.delete(companies.of("acme.com").id)
    fail(companies, COMPANIES, method="POST", kind=Kind.REFUSE, status=422, contains="acme.com")

    done = companies.run()

    assert companies.marked() == {"globex.com": (1, 0)}
    assert {(one.name, one.result, one.reason) for one in done.failed} == {
        ("acme.com", Result.REJECTED, Reason.REFUSED)
    }
    assert companies.company_of(ada) == (None, None)
    assert companies.company_of(bob)[0] == companies.of("globex.com").id


def test_a_link_that_fails_costs_that_person_and_names_it(
    companies: Companies, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = companies.customer("ada@acme.com"), companies.customer("bob@acme.com")
    companies.stage.reconcile()
    companies.unlink([ada, bob])
    fail(companies, f"{PEOPLE}/{companies.person(ada).id}", method="PATCH")

    with caplog.at_level(logging.INFO, "polar_attio_pipeline"):
        done = companies.run()

    assert list(done.links.failed) == [ada.id]
    assert f"The person of customer {ada.id} could not be linked to its company: Attio" in caplog.text
    assert "@" not in caplog.text
    assert companies.company_of(bob)[0] == companies.of("acme.com").id
    companies.stage.sandbox.faults.clear()
    assert companies.run().links.linked == 1


def test_a_created_company_whose_answer_was_lost_is_on_record_and_not_created_twice(companies: Companies) -> None:
    companies.customer("ada@acme.com", mrr=1000)
    fail(companies, COMPANIES, method="POST", kind=Kind.LOST_ANSWER, times=1)

    done = companies.run()

    assert len(companies.all()) == 1
    assert companies.marked() == {"acme.com": (1, 10)}
    assert done.counts == {Result.CREATED: 1}
    written = {row.attribute for row in companies.stage.ledger.changes_of_pass("pass-1-companies")}
    assert written == {"domains", "polar_customer", "polar_customer_count", "polar_mrr"}


def test_a_service_that_is_down_ends_the_pass_in_one_sentence(companies: Companies) -> None:
    for number in range(30):
        companies.customer(f"ada@acme{number}.com")
    fail(companies, "/v2/*", status=503, skip=20)

    with pytest.raises(ServiceDownError) as caught:
        companies.run()

    assert "Attio" in str(caught.value)
    companies.stage.sandbox.faults.clear()
    companies.run()
    assert len(companies.marked()) == 30


def test_another_organization_stops_the_pass_before_its_first_write(companies: Companies) -> None:
    companies.customer("ada@acme.com")
    companies.whole()
    other = companies.stage.sandbox.polar.add_organization()
    other.add_customer(email="eve@globex.com", name="Eve")
    companies.stage.polar_token = OTHER_POLAR_TOKEN
    before = companies.stage.writes

    with pytest.raises(GuardError, match="organization"):
        companies.run()

    assert companies.stage.writes == before


def test_far_fewer_customers_stop_the_pass_before_its_first_write(companies: Companies) -> None:
    customers = [companies.customer(f"ada@acme{number}.com") for number in range(20)]
    companies.whole()
    for customer in customers[5:]:
        companies.stage.sandbox.polar.delete_customer(customer.id)
    before = companies.stage.writes

    with pytest.raises(GuardError, match="fewer-customers"):
        companies.run()

    assert companies.stage.writes == before


def test_a_workspace_without_the_attributes_is_told_what_to_do(stage: Stage) -> None:
    companies = Companies(stage)
    companies.attio.archive_attribute("polar_customer", "companies")

    with pytest.raises(ConfigurationError, match="Companies attribute polar_customer is archived"):
        companies.run()


def test_it_says_what_it_does_in_words(companies: Companies) -> None:
    ada = companies.customer("ada@acme.com")
    companies.customer("bob@acme.com")
    companies.customer("joe@gmail.com")
    companies.stage.reconcile()
    companies.unlink([ada])
    events: list[Event] = []

    companies.run(report=events.append)

    said = [sentence for event in events for sentence in sentences(event)]
    assert said[0] == "A pass over all companies begins (test)."
    assert (
        "2 customers of 1 domain of businesses; 1 customer without one. 0 companies of Attio need nothing, 1 differ or "
        "are new." in said
    )
    (ended,) = (event for event in events if isinstance(event, Ended))
    first, *rest = sentences(ended)
    assert "1 company: 0 created, 1 updated, 0 unchanged, 0 rejected, 0 ambiguous." in first
    assert rest == ["People linked to their company: 1, moved to another: 0."]


def test_the_pass_is_on_record_beside_the_run_that_it_is_part_of(companies: Companies) -> None:
    companies.customer("ada@acme.com")
    companies.run()

    with companies.stage.ledger._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT pass_id, kind, ended, counts FROM passes").all()

    assert [(row.pass_id, row.kind, row.ended) for row in rows] == [("pass-1-companies", "companies", "finished")]
    assert '"created": 1' in rows[0].counts
