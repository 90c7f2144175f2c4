import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.http.payloads import parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ANY_CHARACTERS = st.text(alphabet=st.characters(exclude_categories=()))


@given(JSON)
def test_json_comes_out_as_it_went_in(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"name": "Ada \ud800"}', {"name": "Ada \ufffd"}),
        (rb'{"\udfff": ["\uD834", "b"]}', {"\ufffd": ["\ufffd", "b"]}),
        (rb'["\ud83d\ude00 fine", "\ude00\ud83d not"]', ["\U0001f600 fine", "\ufffd\ufffd not"]),
        (b'["caf\xe9"]', ["caf\ufffd"]),
        (b'["\xed\xa0\x80"]', ["\ufffd\ufffd\ufffd"]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ],
)
def test_what_no_text_may_hold_is_replaced_and_costs_nothing_else(body: bytes, value: object) -> None:
    assert parse(body) == value


@given(st.dictionaries(ANY_CHARACTERS, st.lists(ANY_CHARACTERS)))
def test_whatever_characters_an_answer_holds_it_can_be_written_down(value: dict[str, list[str]]) -> None:
    json.dumps(parse(json.dumps(value).encode()), ensure_ascii=False).encode()


@pytest.mark.parametrize("body", [b"", b"{", b'{"cut": ', b"<html>", b"[" * 100_000, b"{}{}"])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever; the caller says what it means
        parse(body)
