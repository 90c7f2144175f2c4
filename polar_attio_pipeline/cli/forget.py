"""`polar-attio forget`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from polar_attio_pipeline.cli.one_customer import look_for, read, unknown_customer
from polar_attio_pipeline.cli.output import explained_errors, fail, say_whom_it_waits_for
from polar_attio_pipeline.cli.wrapping import say
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.forgetting import ToForget, to_forget
from polar_attio_pipeline.passes.forgetting import forget as erase
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.passes.who import WHO
from polar_attio_pipeline.settings import Settings

_ELSEWHERE = (
    "Dagster's event log holds ids and links of customers, and no names or addresses, but for runs of the job preview: "
    "delete those in Dagster.",
    "Backups of the ledger, files of `polar-attio plan --out` and what `--json` was written to stay as they are.",
)


def forget(
    who: Annotated[str, typer.Argument(help=WHO, show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Erase a person from the ledger: outcome, history, snapshots; and say what remains where.

    It waits for a pass that is at work. A customer whom Polar still has
    comes back with the next pass, unless it is left out by `polar-attio
    skip`: then the ledger holds its id alone.

    Exits with 0 when it is done; with 1 when the answer is no, when nothing
    is known of the person, or on an error; and with 130 or 143 when Ctrl-C
    or SIGTERM ended it.
    """
    typed = read(who)
    with explained_errors():
        settings = Settings()
        ledger = ledger_of(settings)
        found = look_for(typed, settings)
        whom = to_forget(found, ledger)
        if not found.ids:
            fail(unknown_customer(typed, found.problems))
        if not whom.customer_ids:
            fail(f"The ledger holds nothing of {typed.text}.")
        for problem in found.problems:
            typer.echo(problem, err=True)
        what = f"Erase {_named(whom.customer_ids)} from the ledger {ledger.name}? It cannot be taken back."
        if not yes and not typer.confirm(what, err=True):
            raise typer.Exit(1)

        async def work(_: Stop) -> int:
            return await erase(ledger, whom.customer_ids, waits=say_whom_it_waits_for)

        rows = run_until_stopped(work)
    remains = list(_remains(whom))
    if as_json:
        document = {"customers": list(whom.customer_ids), "rows": rows, "attio": list(whom.urls), "remains": remains}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    say(f"Erased {_named(whom.customer_ids)} from the ledger: {rows:,} rows. What remains:")
    for line in remains:
        say(f"- {line}")


def _remains(whom: ToForget) -> Iterator[str]:
    for customer_id in whom.customer_ids:
        if customer_id in whom.skipped:
            yield f"The ledger keeps the id {customer_id}, because the customer is left out; no pass writes more of it."
        elif customer_id in whom.in_polar:
            yield (
                f"Polar has the customer {customer_id}, so the next pass puts it on record again. Delete it in Polar "
                f"first, or leave it out (polar-attio skip {customer_id}) and forget it again."
            )
        elif customer_id in whom.unknown:
            yield f"Whether Polar has the customer {customer_id} is not known; if so, the next pass records it again."
    if whom.urls:
        yield f"Attio keeps the person, since nothing is deleted there: {' '.join(whom.urls)}"
    else:
        yield "Whether Attio has the person is not known here: search for the address there."
    yield from _ELSEWHERE


def _named(customer_ids: tuple[str, ...]) -> str:
    return f"customer{'s' * (len(customer_ids) > 1)} {', '.join(customer_ids)}"
