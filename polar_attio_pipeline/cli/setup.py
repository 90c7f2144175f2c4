"""`polar-attio setup`."""

import asyncio

import typer

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
        steps = asyncio.run(_set_up(settings_with(ATTIO_KEY)))
    print_rows(((step.done, step.subject, step.problem or "") for step in steps), styles=_STYLES)
    if any(step.done is Done.IMPOSSIBLE for step in steps):
        raise typer.Exit(1)


async def _set_up(settings: Settings) -> list[Step]:
    people = people_with(settings.attributes())
    async with attio_of(settings, retry=IMPATIENT) as api:
        return await set_up(api, people, settings.slugs(), currency=settings.polar_attio_currency)
