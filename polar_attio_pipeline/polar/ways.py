"""Says in the log in which way Polar was read: ids only, no personal data."""

import logging
from collections.abc import Iterable

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Row

_log = logging.getLogger(__name__)

_NAMED = 10


def log_export_is_read(error: ApiError) -> None:
    """Say that a page of the list cannot be had, so that the export is read instead."""
    _log.info("Polar answers %s to a page of its customers (%s), so its export is read.", error.status, error.request)


def log_pages_are_read(error: ApiError) -> None:
    """Say why the export is not what all customers are read from."""
    _log.info("%s The list of customers is read page by page instead.", error)


def log_pages_are_split(error: ApiError) -> None:
    """Say that neither pages nor the export can be had, so that the list is read around the rows in the way."""
    _log.info("%s The list is read in smaller pages instead, around the rows that Polar cannot show.", error)


def log_bad_rows(rows: Iterable[Row]) -> None:
    """Name the customers that cannot be read."""
    ids = [row.id or "without a readable id" for row in rows if isinstance(row, BadRow)]
    if ids:
        more = f", and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        _log.warning("Polar cannot show %d of its customers: %s%s.", len(ids), ", ".join(ids[:_NAMED]), more)
