"""Looks at customers one by one, to find those that Polar cannot serialise."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.models import unserialisable
from polar_attio_pipeline.polar.pages import Row, Shown
from polar_attio_pipeline.polar.questions import Questions
from polar_attio_pipeline.sync.ports import NoAnswerError
from polar_attio_pipeline.sync.records import Customer


async def look_at(customers: Sequence[Customer], questions: Questions, shown: Shown) -> list[Row]:
    """Return these customers as Polar shows each by its id; one that it answers 500 for is a bad row.

    Those that Polar does not have any more are left out.

    Args:
        customers: From an export.
        questions: Asks Polar.
        shown: Brings a row into its final form.

    Raises:
        LostAnswerError: Polar answers 500 whatever it is asked.
        ApiError: Polar could not be asked.
    """
    rows, failed = await _look(customers, questions, shown)
    if not failed:
        return rows
    if not await questions.are_answered():
        raise failed[0][1]
    # Polar may have come back only now, and then none of these rows is bad.
    again, bad = await _look([customer for customer, _ in failed], questions, shown)
    return [*rows, *again, *(unserialisable(customer.id, customer.created_at) for customer, _ in bad)]


async def _look(
    customers: Sequence[Customer], questions: Questions, shown: Shown
) -> tuple[list[Row], list[tuple[Customer, LostAnswerError]]]:
    failed: list[tuple[Customer, LostAnswerError]] = []

    async def look(customer: Customer) -> Row | None:
        try:
            row = await questions.row(customer.id)
        except NoAnswerError:
            return customer
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
            failed.append((customer, error))
            return None
        return None if row is None else shown(row, datetime.now(UTC))

    rows = await asyncio.gather(*map(look, customers))
    return [row for row in rows if row is not None], failed
