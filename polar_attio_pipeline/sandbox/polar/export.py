"""Exports as CSV, streamed: every live customer of an organization, in no order; and what others export."""

import csv
import io
import json
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from starlette.responses import StreamingResponse

from polar_attio_pipeline.sandbox.polar.rows import Customer

COLUMNS = (
    "ID", "External ID", "Created At", "Email", "Name", "Tax ID", "Billing Address Line 1", "Billing Address Line 2",
    "Billing Address City", "Billing Address State", "Billing Address Zip", "Billing Address Country", "Metadata",
)  # fmt: skip
_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
_ROWS_PER_CHUNK = 100


def export_response(customers: Iterable[Customer]) -> StreamingResponse:
    """Return the answer: chunked, without a length, so that a client that is cut off can tell.

    The server selects without ORDER BY (Polar's server, `customer/endpoints.py`), so the rows come in an order that
    means nothing.

    Args:
        customers: One snapshot of the rows that the token may read, those included that make a list answer 500.
    """
    rows = sorted(customers, key=lambda row: zlib.crc32(row.id.encode()))
    return csv_response("customers", chain([COLUMNS], map(_fields, rows)))


def csv_response(what: str, lines: Iterable[Sequence[Any]]) -> StreamingResponse:
    """Return lines of CSV, in chunks.

    Args:
        what: Is exported; names the file.
        lines: The header, and a line a row.
    """
    headers = {"content-disposition": f"attachment; filename=polar-{what}.csv"}
    return StreamingResponse(_stream(iter(lines)), media_type="text/csv", headers=headers)


async def _stream(lines: Iterator[Sequence[Any]]) -> AsyncIterator[bytes]:
    while chunk := list(islice(lines, _ROWS_PER_CHUNK)):
        out = io.StringIO(newline="")
        csv.writer(out).writerows(chunk)
        yield out.getvalue().encode(errors="replace")


def _fields(row: Customer) -> tuple[Any, ...]:
    address = row.billing_address or {}
    return (
        row.id,
        row.external_id,
        row.created_at.isoformat(),
        row.email,
        row.name,
        row.tax_id and row.tax_id[0],
        *(address.get(key) for key in _ADDRESS),
        json.dumps(dict(row.metadata)) if row.metadata else None,
    )
