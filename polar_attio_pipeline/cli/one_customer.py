"""Which single customer a command is about, by what a person typed."""

import asyncio

from polar_attio_pipeline.cli.output import fail
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.finding import Found, find
from polar_attio_pipeline.passes.reaching import reached
from polar_attio_pipeline.passes.who import Who, WhoError, who
from polar_attio_pipeline.settings import Settings


def read(text: str) -> Who:
    """Return what was typed; end the command where that names no customer."""
    try:
        return who(text)
    except WhoError as error:
        fail(str(error))


def look_for(typed: Who, settings: Settings) -> Found:
    """Look for customers in the ledger and in both services, as far as these answer.

    Raises:
        LedgerError: the ledger cannot be used.
    """

    async def look() -> Found:
        async with reached(settings, reason="polar-attio", retry=IMPATIENT) as reach:
            return await find(typed, reach)

    return asyncio.run(look())


def one_of(typed: Who, settings: Settings) -> str:
    """Return the id of the one customer that was meant; for an id that is on record no service is asked.

    Of several customers that one address had, the one that Polar has is meant. The command ends where there is none, or
    where there are several.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    ledger = ledger_of(settings)
    if typed.customer_id and ledger.is_on_record(typed.customer_id):
        return typed.customer_id
    found = look_for(typed, settings)
    # What a person in Attio holds as a Polar id may have been typed there.
    live = [one for one in found.ids if found.in_polar.get(one)]
    ids = live or [one for one in found.ids if ledger.is_on_record(one)]
    if not ids:
        fail(unknown_customer(typed, found.problems))
    if len(ids) > 1:
        fail(f"{typed.text} may be any of {len(ids)} customers: {', '.join(ids)}. Write the id of one of them.")
    return ids[0]


def unknown_customer(typed: Who, problems: tuple[str, ...]) -> str:
    """Say that there is no such customer, and what could not be asked."""
    asked = "" if problems else ", nor do Polar and Attio"
    return " ".join([f"The ledger knows no customer for {typed.text}{asked}.", *problems])
