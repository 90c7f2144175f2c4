"""`polar-attio skip` and `polar-attio unskip`."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from polar_attio_pipeline.cli.one_customer import one_of, read
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.wrapping import say
from polar_attio_pipeline.ledger import Ledger, SkippedRow
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.who import WHO
from polar_attio_pipeline.settings import Settings

_AS_JSON = typer.Option("--json", help="One JSON document.")


def skip(
    who: Annotated[str, typer.Argument(help=WHO, show_default=False)] = "",
    why: Annotated[str, typer.Option(help="Why, in your words; kept in the ledger.", show_default=False)] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show who is left out, since when and why.")] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Leave a customer out: no pass writes it, new or known, and it no longer counts as missing.

    Its person in Attio stays as it is. `polar-attio unskip` ends it.

    Exits with 0 when it is done, and with 1 when there is no such customer,
    or several.
    """
    if listed == bool(who.strip()):
        fail("Name one customer, or use --list to see who is left out.")
    with explained_errors():
        settings = Settings()
        ledger = ledger_of(settings)
        if listed:
            _show(ledger.skipped_rows(), as_json=as_json)
            return
        customer_id = one_of(read(who), settings)
        ledger.skip(customer_id, why=why.strip() or None)
        row = next(row for row in ledger.skipped_rows() if row.polar_customer_id == customer_id)
        at_work = ledger.lease_holder().owner is not None
        record = ledger.of_customers([customer_id]).get(customer_id)
    url = record.attio_url if record and record.attio_record_id else None
    if as_json:
        _echo({**_plain(row), "attio": url})
        return
    say(f"Customer {customer_id} is left out from now on: no pass writes it, and it does not count as missing.")
    if at_work:
        say("A pass is at work that may have read the list before; the next one leaves the customer out.")
    if url:
        say(f"Its person in Attio stays as it is: {url}")
    typer.echo(f"To end it: polar-attio unskip {customer_id}")


def unskip(
    who: Annotated[str, typer.Argument(help=WHO, show_default=False)],
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Leave a customer out no longer.

    Exits with 0 when it is done, and with 1 when the customer was not left
    out.
    """
    with explained_errors():
        settings = Settings()
        ledger = ledger_of(settings)
        customer_id = _left_out(who, settings, ledger)
        if not ledger.unskip(customer_id):
            fail(f"Customer {customer_id} is not left out: `polar-attio skip --list` shows who is.")
    if as_json:
        _echo({"customer": customer_id, "skipped": False})
        return
    say(f"Customer {customer_id} is left out no longer. The next reconciliation brings it, or a pass before that.")
    typer.echo(f"At once: polar-attio sync {customer_id}")


def _left_out(text: str, settings: Settings, ledger: Ledger) -> str:
    """Return the customer that was meant; an id of the list needs no service to answer."""
    typed = read(text)
    listed = ledger.skipped()
    if typed.customer_id in listed:
        return typed.customer_id
    return one_of(typed, settings)


def _show(rows: Sequence[SkippedRow], *, as_json: bool) -> None:
    if as_json:
        _echo([_plain(row) for row in rows])
        return
    if not rows:
        typer.echo("No customer is left out.")
    for row in rows:
        typer.echo(
            f"{row.polar_customer_id}  since {row.skipped_at:%Y-%m-%d %H:%M} UTC{(row.why and f'  {row.why}') or ''}"
        )


def _plain(row: SkippedRow) -> dict[str, Any]:
    return {
        "customer": row.polar_customer_id,
        "skipped": True,
        "since": row.skipped_at.isoformat(),
        "why": row.why,
    }


def _echo(document: object) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
