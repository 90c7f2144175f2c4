"""Values as text: each comes back as it was, and what no version has written is refused."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polar_attio_pipeline.ledger.values import dump, load
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import RecordedValue

TEXTS = some.text(some.characters(exclude_categories=()))
VALUES: some.SearchStrategy[RecordedValue] = some.one_of(
    TEXTS,
    some.booleans(),
    some.dates(),
    some.datetimes(timezones=some.just(UTC)),
    some.builds(PersonName, TEXTS, TEXTS, TEXTS),
    some.lists(TEXTS).map(tuple),
)


@given(VALUES)
def test_every_value_comes_back_as_it_was(value: RecordedValue) -> None:
    loaded = load(dump(value))

    assert loaded == value
    assert type(loaded) is type(value)


@given(VALUES)
def test_the_text_is_ascii_without_control_characters_which_every_database_takes(value: RecordedValue) -> None:
    assert dump(value).isascii()
    assert dump(value).isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Zoë\0", r'{"type": "text", "value": "Zo\u00eb\u0000"}'),
        (True, '{"type": "boolean", "value": true}'),
        (date(2026, 11, 3), '{"type": "date", "value": "2026-11-03"}'),
        (
            datetime(2026, 11, 3, 12, 0, 0, 123_456, UTC),
            '{"type": "timestamp", "value": "2026-11-03T12:00:00.123456+00:00"}',
        ),
        (
            PersonName("Ada", "Lovelace", "Ada Lovelace"),
            '{"type": "name", "value": {"first": "Ada", "last": "Lovelace", "full": "Ada Lovelace"}}',
        ),
        (("a@example.com", "b@example.com"), '{"type": "texts", "value": ["a@example.com", "b@example.com"]}'),
    ],
)
def test_the_text_that_ledgers_hold_stays_readable(value: RecordedValue, text: str) -> None:
    assert dump(value) == text
    assert load(text) == value


@pytest.mark.parametrize("text", ['{"type": "money", "value": 7}', '{"type": "text", "value": 7}', "[]", "7", "{"])
def test_what_no_known_version_has_written_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown type of value|Expecting"):
        load(text)
