"""When two spellings are one address."""

import pytest

from polar_attio_pipeline.sync.emails import email_key, is_anonymised


@pytest.mark.parametrize(
    ("polar", "attio"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
        (" ada@example.com\n", "ada@example.com"),
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@BÜCHER.example.com", "ada@bücher.example.com"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("søren@example.com", "SØREN@example.com"),
        ("ada@\N{FULLWIDTH LATIN SMALL LETTER B}ücher.de", "ada@bücher.de"),
        ('"a@ü"@bücher.de', '"a@ü"@xn--bcher-kva.de'),
        ("a" * 308 + "@example.com", "A" * 308 + "@example.com"),
    ],
)
def test_one_address_however_it_is_spelt(polar: str, attio: str) -> None:
    assert email_key(polar) == email_key(attio)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada+polar@example.com", "ada@example.com"),
        ("a.da@gmail.com", "ada@gmail.com"),
        ("ada@example.com", "ada@example.org"),
        ("ada@bucher.example.com", "ada@bücher.example.com"),
    ],
)
def test_two_addresses_stay_two(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("text", ["", "ada", "@", "ada@", "@example.com", "ada@ü..example", "ada@" + "ü" * 300])
def test_what_is_no_address_has_a_key_all_the_same(text: str) -> None:
    assert email_key(text.upper()) == text


def test_polar_replaces_the_address_of_an_anonymised_customer() -> None:
    assert is_anonymised("0f" * 32 + "@anonymized.polar.sh")
    assert is_anonymised("0F@ANONYMIZED.polar.sh ")
    assert not is_anonymised("anonymized.polar.sh@example.com")
