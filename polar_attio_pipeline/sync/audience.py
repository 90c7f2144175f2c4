"""Which customers are written at all: everybody, those who ever paid, or those who pay now.

It decides about new people only. A customer whose id a person in Attio holds is always kept true, whatever the setting
says: nothing is deleted, and nobody stays there with an old status.
"""

from enum import StrEnum

from polar_attio_pipeline.sync.billing import PAYING_NOW
from polar_attio_pipeline.sync.outcomes import Outcome, excluded, unanswered
from polar_attio_pipeline.sync.records import Customer


class Audience(StrEnum):
    """The customers that are written although no person in Attio holds their id."""

    EVERYBODY = "everybody"
    EVER_PAID = "ever-paid"
    PAYS_NOW = "pays-now"


_LACKING = {
    Audience.EVER_PAID: "Polar knows no payment of the customer",
    Audience.PAYS_NOW: "the customer does not pay now",
}

_NOT_READ = "Polar's subscriptions of the customer could not be read, so that it is not known whether it pays."


def exclusion(customer: Customer, audience: Audience) -> Outcome | None:
    """Return the outcome of a customer that is not to be written, if no person in Attio holds its id.

    Returns:
        None for a customer to write. Where what it pays could not be read, a rejection that is tried again: it may
        have to be written.
    """
    if audience is Audience.EVERYBODY:
        return None
    if customer.billing is None:
        return unanswered(customer, _NOT_READ)
    belongs = customer.billing.status in PAYING_NOW if audience is Audience.PAYS_NOW else customer.billing.ever_paid
    return None if belongs else excluded(customer, f"POLAR_ATTIO_WHO is {audience}, and {_LACKING[audience]}.")
