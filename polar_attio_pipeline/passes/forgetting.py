"""Forgetting one person: erased from the ledger, between two passes; what remains elsewhere is said."""

from collections.abc import Sequence
from dataclasses import dataclass

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.finding import Found
from polar_attio_pipeline.passes.lease import Waits, one_writer


@dataclass(frozen=True, slots=True)
class ToForget:
    """Whom a command would erase.

    Attributes:
        customer_ids: Every customer on record that is the person: also those that share its record in Attio.
        in_polar: Those that Polar has.
        unknown: Those that Polar could not be asked for.
        skipped: Those that are left out on purpose.
        urls: Its pages in Attio, as far as they are known.
    """

    customer_ids: tuple[str, ...]
    in_polar: tuple[str, ...]
    unknown: tuple[str, ...]
    skipped: tuple[str, ...]
    urls: tuple[str, ...]


def to_forget(found: Found, ledger: Ledger) -> ToForget:
    """Return whom a command would erase.

    Args:
        found: Whom a person meant.
        ledger: What is on record.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    ids = tuple(one for one in ledger.same_person(found.ids) if ledger.is_on_record(one))
    skipped = ledger.skipped()
    rows = ledger.of_customers(ids).values()
    on_record = [url for row in rows for url in (row.attio_url or "").split()]
    return ToForget(
        customer_ids=ids,
        in_polar=tuple(one for one in ids if found.in_polar.get(one)),
        unknown=tuple(one for one in ids if one not in found.in_polar),
        skipped=tuple(one for one in ids if one in skipped),
        urls=tuple(dict.fromkeys([*(person.url for person in found.people), *on_record])),
    )


async def forget(ledger: Ledger, customer_ids: Sequence[str], *, waits: Waits) -> int:
    """Erase customers from the ledger while no pass is at work, which would put them on record again.

    Args:
        ledger: The ledger.
        customer_ids: Polar's ids.
        waits: Called when a pass is at work, which is waited for.

    Returns:
        How many rows were deleted.

    Raises:
        UnavailableError: the other pass did not end.
        LedgerError: the ledger cannot be used; or the rows are deleted, and another program keeps their bytes.
    """
    async with one_writer(ledger, what="forgetting a person", waits=waits):
        return sum(ledger.erase(customer_id) for customer_id in customer_ids)
