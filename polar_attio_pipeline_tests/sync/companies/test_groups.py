"""Customers grouped by company: how many, what they pay, and of which a company is made."""

import pytest

from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.groups import Company, CompanyRecord, Groups, domains_of, holders
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.records import ValueType

TEN_DOLLARS = (Money(1000, "USD"),)
FIVE_EUROS = (Money(500, "EUR"),)


def groups(*customers: tuple[str, tuple[Money, ...] | None], unmark: bool = False) -> Groups:
    """Customers by their address, and what each pays."""
    found = Groups(unmark=unmark)
    for address, mrr in customers:
        found.add(address.rpartition("@")[2], address, mrr)
    return found


def test_the_customers_of_a_domain_are_counted_and_what_they_pay_is_added_up_by_currency() -> None:
    book = groups(("ada@acme.com", TEN_DOLLARS), ("bob@acme.com", TEN_DOLLARS + FIVE_EUROS), ("eve@globex.com", ()))

    assert book.of(["acme.com"]) == Company(True, 2, (Money(500, "EUR"), Money(2000, "USD")))
    assert book.of(["globex.com"]) == Company(True, 1, ())


def test_a_company_with_two_domains_has_the_customers_of_both() -> None:
    book = groups(("ada@acme.com", TEN_DOLLARS), ("bob@acme.org", TEN_DOLLARS))

    assert book.of(["acme.com", "other.com", "acme.org"]) == Company(True, 2, (Money(2000, "USD"),))


def test_revenue_is_not_known_where_that_of_one_customer_is_not() -> None:
    for amounts in ((TEN_DOLLARS, None), (None, TEN_DOLLARS)):
        book = groups(("ada@acme.com", amounts[0]), ("bob@acme.com", amounts[1]), ("eve@acme.org", TEN_DOLLARS))

        assert book.of(["acme.com"]) == Company(True, 2, None)
        assert book.of(["acme.com", "acme.org"]) == Company(True, 3, None)


@pytest.mark.parametrize(("unmark", "mark"), [(False, None), (True, False)])
def test_a_company_without_customers_has_none_and_pays_nothing(unmark: bool, mark: bool | None) -> None:
    assert groups(unmark=unmark).of(["acme.com"]) == Company(mark, 0, ())


def test_where_no_mark_is_to_be_taken_off_it_stays() -> None:
    book = groups(unmark=True)
    book.keep_marks()

    assert book.of(["acme.com"]).mark is None


def test_nothing_is_said_of_numbers_where_a_customer_cannot_be_read_who_may_belong_there() -> None:
    book = groups(("ada@acme.com", TEN_DOLLARS), unmark=True)
    book.doubt("acme.com")
    book.doubt("globex.com")

    assert book.of(["acme.com"]) == Company(True, None, None)
    assert book.of(["globex.com"]) == Company(None, None, None)


def test_a_company_is_made_of_a_domain_unless_every_customer_there_is_named_as_it() -> None:
    book = groups(
        ("ada@ada.dev", ()),
        ("bob@acme.com", ()),
        ("globex@globex.com", ()),
        ("eve@globex.com", ()),
    )

    assert book.worth_a_company() == ["acme.com", "globex.com"]
    assert "ada.dev" in book
    assert book.of(["ada.dev"]).customers == 1


def test_the_domains_of_a_record_are_compared_in_one_spelling() -> None:
    assert domains_of(["B\u00fccher.de", "xn--bcher-kva.de", "Acme.com"]) == ("xn--bcher-kva.de", "acme.com")


def test_a_domain_that_two_records_hold_has_two_holders_and_a_record_seen_twice_is_one() -> None:
    first, second = (CompanyRecord(name, "", ("acme.com",)) for name in ("first", "second"))

    assert holders([first, second, first]) == {"acme.com": [first, second]}


def test_what_is_not_known_of_a_company_is_not_said_and_another_currency_leaves_the_attribute_empty() -> None:
    targets = tuple(
        Target(attribute, attribute.types[0], currency="USD" if attribute.types[0] is ValueType.CURRENCY else None)
        for attribute in COMPANY_ATTRIBUTES
    )

    assert wanted(Company(None, None, None), targets).values == {}
    said = wanted(Company(True, 2, FIVE_EUROS), targets)
    assert said.values == {"polar_customer": True, "polar_customer_count": 2, "polar_mrr": None}
    assert said.left_empty == {"polar_mrr": "it is paid in EUR, the attribute is in USD"}
