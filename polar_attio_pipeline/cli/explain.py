"""`polar-attio explain`."""

import asyncio
import json
from typing import Annotated

import typer

from polar_attio_pipeline.cli.explain_json import document
from polar_attio_pipeline.cli.explain_text import text
from polar_attio_pipeline.cli.one_customer import nobody, read
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.wrapping import width
from polar_attio_pipeline.passes.explain import Explanation
from polar_attio_pipeline.passes.explain import explain as explained
from polar_attio_pipeline.passes.reaching import reached
from polar_attio_pipeline.passes.who import WHO, Who
from polar_attio_pipeline.settings import Settings

_INCOMPLETE = 2


def explain(
    who: Annotated[str, typer.Argument(help=WHO, show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document with everything.")] = False,
) -> None:
    """Show what Polar, Attio and the ledger say of a customer, and what the next pass would do and why. Writes nothing.

    Exits with 0 when both services answered; with 2 when one of them did
    not, and what the rest says is shown; and with 1 when the customer is
    not known, or on an error.
    """
    typed = read(who)
    with explained_errors():
        found = asyncio.run(_explain(typed, Settings()))
    if not found.customers and not found.people:
        fail(nobody(typed, found.problems))
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False, indent=2))
    else:
        for line in text(found, width=width()):
            typer.echo(line)
    if found.problems:
        raise typer.Exit(_INCOMPLETE)


async def _explain(typed: Who, settings: Settings) -> Explanation:
    async with reached(settings, reason="polar-attio explain", retry=IMPATIENT) as reach:
        return await explained(typed, reach)
