"""Job `preview`: what the next pass would do, shown in the UI. It is no materialisation and writes nothing."""

import asyncio
import json
from collections.abc import Mapping

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import ROWS_SHOWN, PolarLink, Table, customer, links, polar_link
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource, pass_context
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours, rows

_COLUMNS = ("field", "old", "new", "note")


class PreviewConfig(dg.Config):
    """What to preview: hours as partition keys ("2026-11-23-14:00"), or with neither of them all customers."""

    first_hour: str = ""
    last_hour: str = ""


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Plans a pass and shows every change as field, old, new. The values are personal data and stay in "
    "Dagster's event log; `polar-attio plan` shows the same and leaves no trace.",
)
def preview_changes(  # noqa: PLR0913, PLR0917  # a parameter a resource, as Dagster wants them
    context: dg.OpExecutionContext,
    config: PreviewConfig,
    polar: PolarResource,
    attio: AttioResource,
    ledger: LedgerResource,
    options: PassOptions,
) -> None:
    """Plan, and report."""
    try:
        starts = named(config.first_hour, config.last_hour)
    except ValueError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None

    async def run() -> Preview:
        async with pass_context(context.run, polar, attio, ledger, options) as work:
            return await (preview_hours(work, starts) if starts else preview_all(work))

    with explained_failures():
        found = asyncio.run(run())
    changes = list(rows(found))
    link = polar_link(polar.api_url, polar.organization_slug)
    cells = [_cells(row, link) for row in changes[:ROWS_SHOWN]]
    shown = Table(
        ("action", "Polar", "Attio", *_COLUMNS), cells, total=len(changes), rest="which `polar-attio plan` shows"
    )
    context.add_output_metadata(
        {
            **found.counts(),
            "changes": dg.MarkdownMetadataValue(shown.text()),
            "json": dg.JsonMetadataValue(json.loads(json.dumps(changes[:ROWS_SHOWN]))),
        }
    )


def _cells(row: Mapping[str, str | None], link: PolarLink) -> list[str]:
    into_attio = links((row["attio"] or "").split())
    return [
        row["action"] or "",
        customer(row["customer"] or "", link),
        into_attio,
        *(row[name] or "" for name in _COLUMNS),
    ]


@dg.job(
    description="Shows what the next pass would do, for some hours or for all customers, and writes nothing. Launch it "
    "before the first import, after a change of the settings, or when a check asks whether a change is meant."
)
def preview() -> None:
    """Run the one op."""
    preview_changes()
