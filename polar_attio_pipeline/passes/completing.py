"""What Polar's export does not say of customers, asked for where it is lacking."""

from collections.abc import Collection, Container, Iterable
from dataclasses import replace
from itertools import islice

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.settling import MOST_WITHOUT_TYPE


async def completed(
    customers: Collection[Customer], client: PolarClient, *, known: Container[str] = ()
) -> Iterable[Customer]:
    """Return customers with what an export does not say of them, as far as Polar can be asked for it.

    A customer who comes to Attio should not lack the type because it was read from the export. Beyond
    `MOST_WITHOUT_TYPE` it does, until a pass reads the customer in another way.

    Args:
        customers: As read.
        client: Polar.
        known: Ids of customers whose type is in Attio already.

    Returns:
        The customers in their order, to be iterated over once.
    """
    untyped = (customer for customer in customers if customer.type is None and customer.id not in known)
    lacking = list(islice(untyped, MOST_WITHOUT_TYPE))
    if not lacking:
        return customers
    try:
        rows = await client.looked_at(lacking)
    except (ApiError, UnavailableError):
        return customers
    whole = {row.id: row for row in rows if isinstance(row, Customer)}
    return (replace(whole.get(customer.id, customer), billing=customer.billing) for customer in customers)
