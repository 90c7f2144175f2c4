import io
import logging
import sys

import httpx
import pytest

from polar_attio_pipeline.http.redaction import RedactingFilter, redact, redact_http_logs

HEX_64 = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: <token>"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "{'authorization': '<token>'}"),
        ("token polar_oat_AbC123_x is bad", "token <token> is bad"),
        ("polar_at_u_AbC123, polar_pat_Z", "<token>, <token>"),
        (f"key {HEX_64}", "key <token>"),
        ("GET https://api.polar.sh/v1/customers/?email=ada%2Bx%40example.com&page=1",
         "GET https://api.polar.sh/v1/customers/?email=<email>&page=1"),
        ('{"email": "Ada.Lovelace+x@Example.co.uk"}', '{"email": "<email>"}'),
        ("<ada@example.com>", "<<email>>"),
        ("ada@bücher.example", "<email>"),
    ],
)  # fmt: skip
def test_tokens_and_addresses_become_unreadable(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "polar_customer_id of 0b7a31c52-0f6e-4d83-9a47-2c5e81d09f36",
        "GET /v1/customers/b7a31c52-0f6e-4d83-9a47-2c5e81d09f36 200",
        "execution id 9c84e7a2-3d10-45f6-8b29-51e6a7f3c0d8",
        "polar_attio_pipeline.http at 10:00",
    ],
)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert redact(text) == text


def test_arguments_and_tracebacks_of_a_record_are_redacted() -> None:
    try:
        int("ada@example.com")
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "x.py", 1, "saw %s", ("bob@example.com",), sys.exc_info())

    assert RedactingFilter().filter(record)

    text = logging.Formatter("%(message)s").format(record)
    assert "example.com" not in text
    assert "saw <email>" in text
    assert "ValueError: invalid literal" in text


async def test_the_lines_that_httpx_writes_show_no_address() -> None:
    redact_http_logs()
    redact_http_logs()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("httpx")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
            await http.get("https://api.polar.sh/v1/customers/", params={"email": "ada@example.com"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    assert "GET https://api.polar.sh/v1/customers/?email=<email>" in stream.getvalue()
