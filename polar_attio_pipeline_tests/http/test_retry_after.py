from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.http.retry_after import http_date, seconds_to_wait

NOW = datetime(2026, 11, 23, 21, 3, 30, tzinfo=UTC)
NOW_TEXT = "Mon, 23 Nov 2026 21:03:30 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Mon, 23 Nov 2026 21:03:31 GMT", 1.0),
        ("Monday, 23-Nov-26 21:03:31 GMT", 1.0),
        ("Mon, 23 Nov 2026 21:03:00 GMT", 0.0),
    ],
)
def test_both_forms_of_the_header_are_understood(header: str, seconds: float) -> None:
    assert seconds_to_wait(header, date=NOW_TEXT, now=NOW) == seconds


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "soon",
        "nan",
        "inf",
        "1e999",
        "1e9",
        "Mon, 99 Nov 2026 21:03:31 GMT",
        "Mon, 23 Nov 2026 21:03:31 +99999999999999",
        "Mon, 23 Nov 2026 21:03:31 -9999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_header_that_says_nothing_is_no_wait(header: str | None) -> None:
    assert seconds_to_wait(header, date=NOW_TEXT, now=NOW) is None


@given(skew=st.integers(-7200, 7200), wait=st.integers(0, 3600))
def test_a_date_is_measured_against_the_answers_own_clock(skew: int, wait: int) -> None:
    server = NOW + timedelta(seconds=skew)
    until = format_datetime(server + timedelta(seconds=wait), usegmt=True)

    assert seconds_to_wait(until, date=format_datetime(server, usegmt=True), now=NOW) == wait


@pytest.mark.parametrize("date", [None, "nonsense"])
def test_without_a_date_of_its_own_the_local_clock_stands_in(date: str | None) -> None:
    assert seconds_to_wait("Mon, 23 Nov 2026 21:03:40 GMT", date=date, now=NOW) == 10


dates = st.builds(
    "{}{} {} {} {}:{}:{} {}{}".format,
    st.sampled_from(["Mon, ", "", "Monday, "]),
    st.integers(0, 40),
    st.sampled_from(["Nov", "Feb", "13", "nov"]),
    st.integers(0, 10**6),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["+", "-", "GMT", ""]),
    st.integers(0, 10**20),
)


@given(st.text() | dates)
def test_no_text_in_the_headers_can_break_the_reading(text: str) -> None:
    waited = seconds_to_wait(text, date=text, now=NOW)
    assert waited is None or 0 <= waited <= 86_400


def test_a_date_without_a_known_zone_counts_as_utc() -> None:
    assert http_date("Mon, 23 Nov 2026 21:03:30 -0000") == NOW
