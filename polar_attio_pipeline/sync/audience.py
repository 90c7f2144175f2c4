"""Which customers are written at all: everybody, those who ever paid, or those who pay now.

It decides about new people only. A customer whose id a person in Attio holds is always kept true, whatever the setting
says: nothing is deleted, and nobody stays there with an old status. A customer that a person has chosen to leave out is
not written at all, new or known.
"""

from dataclasses import replace
from enum import StrEnum

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

_NOT_READ = "It is not known whether the customer pays: what Polar has of it could not be read, or not be understood."


SKIPPED_DETAIL = "Not written: left out by polar-attio skip, until polar-attio unskip."


def left_out(customer: Customer) -> Outcome:
    """Return the outcome of a customer that a person has chosen to leave out; its address does not go on record."""
    return replace(excluded(customer, ""), email=None, detail=SKIPPED_DETAIL)


def exclusion(customer: Customer, audience: Audience) -> Outcome | None:
    """Return the outcome of a customer that is not to be written, if no person in Attio holds its id.

    Returns:
        None for a customer to write. Where it cannot be told whether it pays, a rejection that is tried again: it may
        have to be written.
    """
    belongs = _belongs(customer, audience)
    if belongs is None:
        return unanswered(customer, _NOT_READ)
    return None if belongs else excluded(customer, f"POLAR_ATTIO_WHO is {audience}, and {_LACKING[audience]}.")


def _belongs(customer: Customer, audience: Audience) -> bool | None:
    if audience is Audience.EVERYBODY:
        return True
    if customer.billing is None:
        return None
    return customer.billing.pays_now if audience is Audience.PAYS_NOW else customer.billing.ever_paid
