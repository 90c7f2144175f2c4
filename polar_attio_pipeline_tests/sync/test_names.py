"""One string to three parts: sensible for every shape of name, never invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.records import PersonName


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ada", "Ada", ""),
        ("Lovelace, Ada", "Ada", "Lovelace"),
        ("Dr. Ada Lovelace", "Ada", "Lovelace"),
        ("Gabriel García Márquez", "Gabriel", "Márquez"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Maria de la Cruz", "Maria", "de la Cruz"),
        ("John Smith Jr.", "John", "Smith Jr."),
        ("Jean-Luc Picard", "Jean-Luc", "Picard"),
        ("Søren Østergård", "Søren", "Østergård"),
        ("Иван Петров", "Иван", "Петров"),
        ("عبد الله محمد", "عبد الله", "محمد"),
        ("王小明", "王小明", ""),
        ("山田 太郎", "太郎", "山田"),
        ("김 민준", "민준", "김"),
        ("Acme, Inc.", "Acme, Inc.", ""),
        ("Siemens AG", "Siemens AG", ""),
        ("Ромашка GmbH", "Ромашка GmbH", ""),
        ("株式会社テスト", "株式会社テスト", ""),
        ("Mary Ann Co", "Mary", "Co"),
        ("(Jack)", "(Jack)", ""),
        ("🎉", "🎉", ""),
    ],
)
def test_a_name_is_split_by_the_conventions_of_its_script(text: str, first: str, last: str) -> None:
    assert split_name(text) == PersonName(first=first, last=last, full=text)


@pytest.mark.parametrize("text", [None, "", "   ", "\t\n"])
def test_no_name_is_not_sent(text: str | None) -> None:
    assert split_name(text) is None


def test_an_email_address_is_no_name() -> None:
    assert split_name("ada@example.com") is None


def test_the_full_name_is_verbatim_but_for_white_space_around_it() -> None:
    name = split_name("  ada   LOVELACE ")
    assert name is not None
    assert name.full == "ada   LOVELACE"


@given(st.text(max_size=256))
def test_no_character_is_made_up_and_the_first_name_is_never_empty(text: str) -> None:
    name = split_name(text)
    if name is None:
        return
    assert name.full == text.strip()
    assert name.first
    assert set(name.first + name.last) - {" "} <= set(name.full)
