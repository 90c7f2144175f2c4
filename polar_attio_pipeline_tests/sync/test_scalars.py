"""A value of Polar's in the type of an attribute: strictly, or not at all, and never a crash."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.records import Scalar, Value, ValueType
from polar_attio_pipeline.sync.scalars import CONVERSIONS, Unfit, convert

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        (ValueType.TEXT, " pro ", "pro"),
        (ValueType.TEXT, 12, "12"),
        (ValueType.TEXT, 12.0, "12"),
        (ValueType.TEXT, 1.5, "1.5"),
        (ValueType.TEXT, 0.1, "0.1"),
        (ValueType.TEXT, 1e20, "100000000000000000000"),
        (ValueType.TEXT, True, "true"),
        (ValueType.TEXT, False, "false"),
        (ValueType.NUMBER, 3, Decimal(3)),
        (ValueType.NUMBER, 0.1, Decimal("0.1")),
        (ValueType.NUMBER, -0.0, Decimal(0)),
        (ValueType.NUMBER, "12.50", Decimal("12.5")),
        (ValueType.NUMBER, "-7", Decimal(-7)),
        (ValueType.NUMBER, 1.23456, Decimal("1.2346")),
        (ValueType.NUMBER, "0.00001", Decimal(0)),
        (ValueType.NUMBER, 999_999_999_999_999, Decimal(999_999_999_999_999)),
        (ValueType.CHECKBOX, True, True),
        (ValueType.CHECKBOX, "false", False),
        (ValueType.CHECKBOX, "TRUE", True),
        (ValueType.DATE, "2026-11-30", date(2026, 11, 30)),
        (ValueType.DATE, "2026-11-30T23:30:00-05:00", date(2026, 12, 1)),
        (ValueType.TIMESTAMP, "2026-11-30T12:00:00Z", NOON),
        (ValueType.TIMESTAMP, "2026-11-30T13:00:00+01:00", NOON),
        (ValueType.SELECT, "Pro", "Pro"),
        (ValueType.SELECT, " Pro ", "Pro"),
        (ValueType.SELECT, 2, "2"),
    ],
)
def test_what_has_one_meaning_in_a_type_is_converted(kind: ValueType, said: Scalar, value: Value) -> None:
    found = convert(said, kind)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("said", [-0.0, "-0", -0.00001, "-0.00004"])
def test_zero_has_no_sign(said: Scalar) -> None:
    assert convert(said, ValueType.NUMBER).is_signed() is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "said", "why"),
    [
        (ValueType.TEXT, float("nan"), "is not a finite number"),
        (ValueType.NUMBER, "1,000", "is not a number"),
        (ValueType.NUMBER, "1e5", "is not a number"),
        (ValueType.NUMBER, "٣", "is not a number"),
        (ValueType.NUMBER, True, "is not a number"),
        (ValueType.NUMBER, float("inf"), "is not a finite number"),
        (ValueType.NUMBER, 10**15, "has more than 15 digits, of which some would be lost"),
        (ValueType.NUMBER, "123456789012.1234", "has more than 15 digits, of which some would be lost"),
        (ValueType.CHECKBOX, "yes", "is neither true nor false"),
        (ValueType.CHECKBOX, 1, "is neither true nor false"),
        (ValueType.DATE, "30.11.2026", "is not a date such as 2026-11-30"),
        (ValueType.DATE, "2026-02-30", "is a day that no calendar has"),
        (ValueType.DATE, 1_700_000_000, "is not a date such as 2026-11-30"),
        (ValueType.TIMESTAMP, "2026-11-30", "is not a time such as 2026-11-30T14:00:00Z"),
        (ValueType.TIMESTAMP, "2026-11-30T12:00", "is a time without a zone, unlike 2026-11-30T14:00:00Z"),
        (ValueType.TIMESTAMP, "0001-01-01T00:00:00+05:00", "is not a time such as 2026-11-30T14:00:00Z"),
        (ValueType.TEXT, None, "is neither text nor a number nor true or false"),
    ],
)
def test_everything_else_is_unfit_and_the_reason_does_not_hold_the_value(
    kind: ValueType, said: Scalar | None, why: str
) -> None:
    assert convert(said, kind) == Unfit(why)


@given(ANYTHING, st.sampled_from(sorted(CONVERSIONS)))
def test_no_value_makes_a_conversion_fail(said: Scalar | None, kind: ValueType) -> None:
    found = convert(said, kind)

    if isinstance(found, Decimal):
        assert Decimal(repr(float(found))) == found, "the number on the wire is another one"
