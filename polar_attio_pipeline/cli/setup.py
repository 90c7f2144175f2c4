"""`polar-attio setup`."""

import asyncio

import typer

from polar_attio_pipeline.attio.companies import COMPANIES
from polar_attio_pipeline.attio.people import people_with
from polar_attio_pipeline.attio.setup import Done, Step, set_up
from polar_attio_pipeline.cli.output import explained_errors, print_rows
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.required import ATTIO_KEY, settings_with
from polar_attio_pipeline.connections import attio_of
from polar_attio_pipeline.settings import Settings

_STYLES = {Done.CREATED: "green", Done.RESTORED: "green", Done.PRESENT: "dim", Done.IMPOSSIBLE: "bold red"}


def setup() -> None:
    """Create the attributes that the sync writes in Attio, with their options; repeating it changes nothing."""
    with explained_errors():
        done = asyncio.run(_set_up(settings_with(ATTIO_KEY)))
    rows = ((step.done, f"{of}{step.subject}", step.problem or "") for of, steps in done.items() for step in steps)
    print_rows(rows, styles=_STYLES)
    if any(step.done is Done.IMPOSSIBLE for steps in done.values() for step in steps):
        raise typer.Exit(1)


async def _set_up(settings: Settings) -> dict[str, list[Step]]:
    """Return the steps of each object, by what stands before their subjects."""
    people = people_with(settings.attributes())
    async with attio_of(settings, retry=IMPATIENT) as api:
        currency = settings.polar_attio_currency
        done = {"": await set_up(api, people, settings.slugs(), currency=currency)}
        if settings.polar_attio_companies:
            done["companies: "] = await set_up(api, COMPANIES, settings.company_slugs(), currency=currency)
        return done
