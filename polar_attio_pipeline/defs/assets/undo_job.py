"""Job `undo_pass`: takes back what a pass wrote to Attio, from the UI. It is no materialisation of an asset."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from polar_attio_pipeline.defs.markdown import links
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.reporting import ROWS_SHOWN, PolarLink, Table, customer, polar_link, whole
from polar_attio_pipeline.defs.resources import PASS_KEYS, PolarResource, given
from polar_attio_pipeline.defs.run_tags import tag_run
from polar_attio_pipeline.defs.writing import run_writing
from polar_attio_pipeline.passes.guards import UNINSTALL
from polar_attio_pipeline.passes.progress import Upcoming
from polar_attio_pipeline.passes.undo import WRITTEN_NEXT, Undone, undo_pass
from polar_attio_pipeline.sync.undo.values import UNDO, WRITES, Item, Selection, Verdict

_AGAIN = "Launch the job again with the same config: it goes on where this run ended, and writes nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)

_HEADER = ("what", "attribute", "Polar", "Attio")
_REST = "which `polar-attio undo` shows with --json"


class UndoConfig(dg.Config):
    """Which pass to take back, and whether to write at all."""

    pass_id: str = Field(
        description="The pass: its id in the ledger, which is the id of the run where a run was the pass, with "
        "`-companies` behind it for companies. The beginning of it will do. `polar-attio undo` lists the newest passes."
    )
    customers: list[str] = Field(default_factory=list, description="Polar's ids of some customers; empty for all.")
    attributes: list[str] = Field(
        default_factory=list, description="Keys of some attributes, such as polar_mrr; empty for all."
    )
    clear_created: bool = Field(
        default=False,
        description="Clear what the pass wrote to people and companies that it made, but for names, addresses and "
        "domains. Otherwise they are listed only. They are never deleted.",
    )
    dry_run: bool = Field(
        default=True, description="Only show what would happen. Set it to false to write, after a look at that."
    )


def build_undo_job(names: Names, tags: Mapping[str, str]) -> dg.JobDefinition:
    """Return the job; its runs carry the tags as well."""

    @dg.op(
        name=names.of("take_back"),
        required_resource_keys=set(map(names.of, PASS_KEYS)),
        out=dg.Out(dg.Nothing),
        pool=names.pool,
        description="Puts the old value back wherever the pass's own value is still there. What anybody has changed "
        "since stays, and is named. The table shows attributes and links, no values.",
    )
    def take_back(context: dg.OpExecutionContext, config: UndoConfig) -> None:
        _undo(context, config, names)

    @dg.job(
        name=names.of("undo_pass"),
        executor_def=dg.in_process_executor,
        tags=tags,
        description="Takes back what a pass wrote to Attio, such as after a mistake in a mapping. Launch it with the "
        "id of the pass in its config: with dry_run, as it is at first, it only shows what would happen. Look at that, "
        "then launch it with dry_run: false. A value comes back only where the pass's own is still there: what people "
        "have typed since stays. No record is deleted. The undo is a pass itself, and can be undone by this job. "
        "Before the next pass writes the same again, correct what was wrong, or stop the schedules and sensors.",
    )
    def undo_pass_job() -> None:
        take_back()

    return undo_pass_job


def _undo(context: dg.OpExecutionContext, config: UndoConfig, names: Names) -> None:
    """Undo, or show what that would be, and report."""
    tag_run(context, names.process_tag)
    found = _Shown()
    options = given(context.resources, names.of("options"), PassOptions)
    done = run_writing(
        context,
        names,
        _UPCOMING,
        lambda work: undo_pass(
            work,
            config.pass_id,
            selection=Selection(frozenset(config.customers), frozenset(config.attributes)),
            clear_created=config.clear_created,
            company_slugs=options.company_slugs,
            dry_run=config.dry_run,
            take=found.add,
        ),
    )
    if done.written and done.undone.kind not in {UNDO, UNINSTALL}:
        context.log.info(WRITTEN_NEXT)
    link = polar_link(given(context.resources, names.of("polar"), PolarResource))
    context.add_output_metadata(_report(done, found, link, dry_run=config.dry_run))


class _Shown:
    """The first items of a pass, for tables.

    Attributes:
        written: The first items that were written, or would be.
        left: The first of all others but those that are as before the pass already.
    """

    def __init__(self) -> None:
        self.written: list[Item] = []
        self.left: list[Item] = []

    def add(self, items: Sequence[Item]) -> None:
        """Take in items."""
        for item in items:
            if item.verdict is Verdict.ALREADY_BACK:
                continue
            kept = self.written if item.verdict in WRITES else self.left
            if len(kept) < ROWS_SHOWN:
                kept.append(item)


def _report(done: Undone, found: _Shown, link: PolarLink, *, dry_run: bool) -> dict[str, Any]:
    written = Table(_HEADER, _rows(found.written, link), total=done.written, rest=_REST)
    left = Table((*_HEADER, "why"), _rows(found.left, link, why=True), total=_not_written(done), rest=_REST)
    undo = {"undo": dg.TextMetadataValue(done.pass_id)} if done.pass_id else {}
    return {
        "pass": dg.TextMetadataValue(f"{done.undone.pass_id}, {done.undone.kind}: {done.undone.reason}"),
        "dry run": dg.BoolMetadataValue(dry_run),
        **undo,
        **{verdict.value: done.counts.get(verdict, 0) for verdict in Verdict},
        "would be written" if dry_run else "written": whole(written),
        "stays as it is": whole(left),
    }


def _not_written(done: Undone) -> int:
    return sum(done.counts.values()) - done.written - done.counts.get(Verdict.ALREADY_BACK, 0)


def _rows(items: Sequence[Item], link: PolarLink, *, why: bool = False) -> list[tuple[str, ...]]:
    return [
        (
            item.verdict.value,
            item.key or "the whole record",
            customer(item.customer_id, link) if item.customer_id else "",
            links([item.url]) if item.url else item.record_id,
            *((item.detail,) if why else ()),
        )
        for item in items
    ]
