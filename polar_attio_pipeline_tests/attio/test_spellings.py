import pytest

from polar_attio_pipeline.attio.spellings import address_spellings, domain_spellings


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ada@example.com", {"ada@example.com"}),
        ("ada@bücher.example", {"ada@bücher.example", "ada@xn--bcher-kva.example"}),
        ("ada@xn--bcher-kva.example", {"ada@bücher.example", "ada@xn--bcher-kva.example"}),
        ("ada@exa mple.com", {"ada@exa mple.com"}),
        ("no address", {"no address"}),
        ("@example.com", {"@example.com"}),
        ("ada@", {"ada@"}),
    ],
)
def test_an_international_domain_is_looked_for_in_both_spellings(email: str, expected: set[str]) -> None:
    assert set(address_spellings(email)) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", ("example.com",)),
        ("b\u00fccher.example", ("b\u00fccher.example", "xn--bcher-kva.example")),
        ("xn--bcher-kva.example", ("xn--bcher-kva.example", "b\u00fccher.example")),
        ("no domain", ("no domain",)),
        ("", ("",)),
    ],
)
def test_a_domain_comes_first_as_it_was_given(domain: str, expected: tuple[str, ...]) -> None:
    assert domain_spellings(domain) == expected
