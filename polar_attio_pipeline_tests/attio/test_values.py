"""Values on the wire, in both directions."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.attio.values import CODECS, decode, encode
from polar_attio_pipeline.sync.records import PersonName, Value, ValueType


@pytest.mark.parametrize(
    ("value_type", "plain", "written"),
    [
        (ValueType.CHECKBOX, False, [False]),
        (ValueType.TEXT, "NL", ["NL"]),
        (ValueType.DATE, date(2026, 5, 9), ["2026-05-09"]),
        (ValueType.TIMESTAMP, datetime(2026, 5, 9, 1, 2, 3, 4, tzinfo=UTC), ["2026-05-09T01:02:03.000004Z"]),
        (
            ValueType.TIMESTAMP,
            datetime(2026, 5, 9, 1, tzinfo=timezone(timedelta(hours=2))),
            ["2026-05-08T23:00:00Z"],
        ),
        (ValueType.DATE, datetime(2026, 5, 9, 1, tzinfo=timezone(timedelta(hours=2))), ["2026-05-08"]),
        (ValueType.NUMBER, Decimal(12), [12.0]),
        (ValueType.CURRENCY, Decimal("19.90"), ["19.90"]),
        (ValueType.CURRENCY, Decimal("-0.0005"), ["-0.0005"]),
        (ValueType.CURRENCY, Decimal("5E+3"), ["5000"]),
        (ValueType.SELECT, "Past due", ["Past due"]),
        (
            ValueType.NAME,
            PersonName("Cher", "", "Cher"),
            [{"first_name": "Cher", "last_name": "", "full_name": "Cher"}],
        ),
    ],
)
def test_values_are_written_as_lists_in_utc_with_all_parts_of_a_name(
    value_type: ValueType, plain: Value, written: list[Any]
) -> None:
    assert encode(value_type, plain) == written


def test_a_value_of_another_type_is_a_mistake_of_the_mapping() -> None:
    with pytest.raises(TypeError, match="str is not written to an attribute of type checkbox"):
        encode(ValueType.CHECKBOX, "true")


def test_every_type_that_the_mapping_may_use_is_written_and_read() -> None:
    assert CODECS.keys() == set(ValueType)


@pytest.mark.parametrize(
    ("value_type", "plain", "entry"),
    [
        (ValueType.CHECKBOX, True, {"value": True}),
        (ValueType.TEXT, "NL", {"value": "NL"}),
        (ValueType.DATE, date(2026, 5, 9), {"value": "2026-05-09"}),
        (ValueType.TIMESTAMP, datetime(2026, 5, 9, 1, tzinfo=UTC), {"value": "2026-05-09T01:00:00.000000000Z"}),
        (ValueType.NUMBER, Decimal("12.5"), {"value": 12.5}),
        (ValueType.CURRENCY, Decimal("19.9"), {"currency_value": 19.9, "currency_code": "USD"}),
        (ValueType.CURRENCY, Decimal("0.0001"), {"currency_value": 0.0001, "currency_code": "USD"}),
        (ValueType.SELECT, "Past due", {"option": {"id": {}, "title": "Past due", "is_archived": False}}),
        (
            ValueType.NAME,
            PersonName("Ada", "Lovelace", "Ada Lovelace"),
            {"first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace"},
        ),
    ],
)
def test_what_attio_answers_is_read_as_what_was_written(
    value_type: ValueType, plain: Value, entry: dict[str, Any]
) -> None:
    assert decode(value_type, entry) == plain


PROPERTIES = {ValueType.CURRENCY: "currency_value", ValueType.SELECT: "option"}
"""What a value stands under, where that is not `value`."""


@pytest.mark.parametrize("value_type", [one for one in ValueType if one is not ValueType.NAME])
def test_an_empty_value_is_none_and_one_of_another_shape_an_error(value_type: ValueType) -> None:
    named = PROPERTIES.get(value_type, "value")

    assert decode(value_type, {named: None}) is None
    with pytest.raises(TypeError):
        decode(value_type, {named: ["x"]})
    with pytest.raises(KeyError):
        decode(value_type, {"domain": "x"})


@pytest.mark.parametrize("value_type", [ValueType.NUMBER, ValueType.CURRENCY])
def test_what_is_no_number_is_an_error(value_type: ValueType) -> None:
    named = PROPERTIES.get(value_type, "value")

    with pytest.raises(ValueError, match="the value is a number"):
        decode(value_type, {named: "a lot"})
    with pytest.raises(TypeError, match="the value is a number"):
        decode(value_type, {named: True})


@pytest.mark.parametrize("option", ["08c2c59a-c18e-40c6-8dc4-95415313b2ea", {"title": 7}, 7])
def test_an_option_without_a_title_is_an_error(option: Any) -> None:
    with pytest.raises(TypeError, match="an option has a title"):
        decode(ValueType.SELECT, {"option": option})


def test_no_amount_is_empty() -> None:
    assert decode(ValueType.CURRENCY, {"currency_value": 0, "currency_code": "EUR"}) == 0
    assert encode(ValueType.CURRENCY, None) == []


@pytest.mark.parametrize("minor", [1, 10, 29, 1999, 110_000_001, 99_999_999_999, -5])
def test_an_amount_is_read_as_it_was_written_although_json_has_floats(minor: int) -> None:
    amount = Decimal(minor).scaleb(-2)
    [written] = encode(ValueType.CURRENCY, amount)

    answered = json.loads(json.dumps({"currency_value": float(written)}))

    assert decode(ValueType.CURRENCY, answered) == amount


@pytest.mark.parametrize("value_type", ValueType)
def test_what_no_attribute_takes_is_a_mistake_of_the_mapping(value_type: ValueType) -> None:
    with pytest.raises(TypeError, match=f"is not written to an attribute of type {value_type}"):
        encode(value_type, object())  # type: ignore[arg-type]
