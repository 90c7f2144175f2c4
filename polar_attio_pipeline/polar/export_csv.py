"""Polar's export of customers: CSV to rows, in constant memory, and an error rather than a listing cut short."""

import csv
import json
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.models import BadRow, CustomerRow, parse_row
from polar_attio_pipeline.polar.paths import EXPORT

HEADER = (
    "ID", "External ID", "Created At", "Email", "Name", "Tax ID", "Billing Address Line 1", "Billing Address Line 2",
    "Billing Address City", "Billing Address State", "Billing Address Zip", "Billing Address Country", "Metadata",
)  # fmt: skip
"""Of Polar's server (`server/polar/customer/endpoints.py`)."""

_ADDRESS = {
    "line1": "Billing Address Line 1",
    "line2": "Billing Address Line 2",
    "city": "Billing Address City",
    "state": "Billing Address State",
    "postal_code": "Billing Address Zip",
    "country": "Billing Address Country",
}

_LONGEST_ROW = 1_000_000
"""Characters: Polar's own limits on metadata and names allow some 40,000."""


async def rows_of(
    chunks: AsyncIterator[str], sources: Collection[str] = ()
) -> AsyncIterator[list[CustomerRow | BadRow]]:
    """Yield the customers of an export as its text comes in, in portions; one that does not parse is a bad row.

    The export says neither the type nor the organization.

    Args:
        chunks: The text.
        sources: What else is wanted of a customer, as in `sources.said_by`; the export says some of it.

    Raises:
        LostAnswerError: the text is no export of customers, or only a part of one.
    """
    rest = ""
    header: list[str] | None = None
    async for chunk in chunks:
        *records, rest = _records(rest + chunk)
        rows = _cells(records)
        if header is None and rows:
            header = rows.pop(0)
            if tuple(header) != HEADER:
                raise _broken("has other columns than it had")
        if any(len(cells) != len(HEADER) for cells in rows):
            raise _broken("has a row with another number of columns")
        yield [_row(cells, sources) for cells in rows]
    if rest or header is None:
        raise _broken("breaks off within a row")


def _records(text: str) -> Iterator[str]:
    """Yield the complete records of a text, and in the end what is left of it, which may be nothing.

    A line break within quotes is part of a value; quotes within a value are doubled, so their number tells.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    record = ""
    for line in lines[:-1]:
        record += f"{line}\n"
        if record.count('"') % 2 == 0:
            yield record
            record = ""
    rest = record + lines[-1]
    if len(rest) > _LONGEST_ROW:
        raise _broken("has a row without an end")
    yield rest


def _cells(records: list[str]) -> list[list[str]]:
    try:
        return list(csv.reader(records, strict=True))
    except csv.Error:
        raise _broken("is no CSV") from None


def _row(cells: list[str], sources: Collection[str]) -> CustomerRow | BadRow:
    said = dict(zip(HEADER, cells, strict=True))
    item: dict[str, Any] = {
        "id": said["ID"],
        "external_id": said["External ID"] or None,
        "created_at": said["Created At"],
        "email": said["Email"] or None,
        "name": said["Name"] or None,
        "type": None,
        "billing_address": {"country": said["Billing Address Country"] or None},
    }
    if sources:
        item["tax_id"] = [said["Tax ID"]] if said["Tax ID"] else None
        item["billing_address"] = {name: said[column] or None for name, column in _ADDRESS.items()}
        item["metadata"] = _metadata(said["Metadata"])
    return parse_row(item, sources)


def _metadata(cell: str) -> Any:
    """Return the metadata of a cell, which is empty where there are none; None where it cannot be read."""
    if not cell:
        return {}
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _broken(how: str) -> LostAnswerError:
    return LostAnswerError(
        f"Polar's export of customers {how} (GET {EXPORT}).",
        service="Polar",
        request=f"GET {EXPORT}",
    )
