"""What a person types for a customer is read before anybody is asked."""

import pytest

from polar_attio_pipeline.passes.who import WhoError, who

POLAR = "ada00000-0000-4000-8000-000000000001"
RECORD = "bf071e1f-6035-429d-b874-d83ea64ea13b"
OLD_RECORD = "bf071e1f-6035-129d-b874-d83ea64ea13b"


@pytest.mark.parametrize(
    ("text", "customer_id", "record_id", "address"),
    [
        (POLAR, POLAR, POLAR, None),
        (f"  {POLAR.upper()}\n", POLAR, POLAR, None),
        (OLD_RECORD, None, OLD_RECORD, None),
        ("ada@example.com", None, None, "ada@example.com"),
        ("<Ada@Example.com>", None, None, "Ada@Example.com"),
        ("mailto:ada@example.com", None, None, "ada@example.com"),
        (f"https://polar.sh/dashboard/acme/customers/{POLAR}", POLAR, None, None),
        (f"https://polar.sh/to/dashboard/customers/{POLAR}?query=ada", POLAR, None, None),
        (f"https://sandbox.polar.sh/dashboard/acme/customers?customerId={POLAR}", POLAR, None, None),
        (f"https://app.attio.com/acme/person/{RECORD}", None, RECORD, None),
        (f"https://app.attio.com/acme/person/{RECORD}/overview?modal=1", None, RECORD, None),
        (f"http://127.0.0.1:8700/acme/person/{RECORD}", RECORD, RECORD, None),
    ],
)
def test_it_is_read_as_what_it_can_be(
    text: str, customer_id: str | None, record_id: str | None, address: str | None
) -> None:
    found = who(text)

    assert (found.customer_id, found.record_id, found.address) == (customer_id, record_id, address)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing is not what names a customer"),
        ("Ada Lovelace", "Write one of these: A Polar customer id, an address"),
        ("ada@", "Write one of these"),
        ("ada @example.com", "Write one of these"),
        ("https://polar.sh/dashboard/acme/customers", "holds no id"),
        (f"https://app.attio.com/acme/company/{RECORD}", "not the page of a person in Attio"),
        ("https://app.attio.com/acme/person/ada", "not the page of a person in Attio"),
        ("https://[", "not a link that can be read"),
    ],
)
def test_what_names_no_customer_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(WhoError, match=said):
        who(text)
