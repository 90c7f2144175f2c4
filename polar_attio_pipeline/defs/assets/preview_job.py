"""Job `preview`: what the next pass would do, shown in the UI. It is no materialisation and writes nothing."""

import asyncio
import json
from collections.abc import Mapping

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.markdown import links
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.reporting import ROWS_SHOWN, PolarLink, Table, customer, polar_link
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given, pass_context
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.preview_rows import rows

_COLUMNS = ("field", "old", "new", "note")


class PreviewConfig(dg.Config):
    """What to preview: hours as partition keys ("2026-11-23-14:00"), or with neither of them all customers."""

    first_hour: str = ""
    last_hour: str = ""


def build_preview_job(names: Names, tags: Mapping[str, str]) -> dg.JobDefinition:
    """Return the job; its runs carry the tags as well."""

    @dg.op(
        name=names.of("preview_changes"),
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        out=dg.Out(dg.Nothing),
        description="Plans a pass and shows every change as field, old, new. The values are personal data and stay in "
        "Dagster's event log; `polar-attio plan` shows the same and leaves no trace.",
    )
    def preview_changes(context: dg.OpExecutionContext, config: PreviewConfig) -> None:
        _preview(context, config, names)

    @dg.job(
        name=names.of("preview"),
        executor_def=dg.in_process_executor,
        tags=tags,
        description="Shows what the next pass would do, for some hours or for all customers, and writes nothing. "
        "Launch it before the first import, after a change of the settings, or when a run asks whether a change is "
        "meant.",
    )
    def preview() -> None:
        preview_changes()

    return preview


def _preview(context: dg.OpExecutionContext, config: PreviewConfig, names: Names) -> None:
    """Plan, and report."""
    try:
        starts = named(config.first_hour, config.last_hour)
    except ValueError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None

    async def run() -> Preview:
        async with pass_context(context.run, context.resources, names) as work:
            return await (preview_hours(work, starts) if starts else preview_all(work))

    with explained_failures():
        found = asyncio.run(run())
    changes = list(rows(found))
    link = polar_link(given(context.resources, names.of("polar"), PolarResource))
    cells = [_cells(row, link) for row in changes[:ROWS_SHOWN]]
    header = ("action", "Polar", "Attio", *_COLUMNS)
    shown = Table(header, cells, total=len(changes), rest="which `polar-attio plan` shows")
    context.add_output_metadata(
        {
            **found.counts(),
            "people of deleted customers": len(found.deletions),
            "changes": dg.MarkdownMetadataValue(shown.text()),
            "json": dg.JsonMetadataValue(json.loads(json.dumps(changes[:ROWS_SHOWN]))),
        }
    )


def _cells(row: Mapping[str, str | None], link: PolarLink) -> list[str]:
    known = [row["action"] or "", customer(row["customer"] or "", link), links((row["attio"] or "").split())]
    return known + [row[column] or "" for column in _COLUMNS]
