"""What becomes of the sync's values in Attio, and what remains elsewhere, as text for a terminal and as JSON. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from polar_attio_pipeline.attio.archiving import Archived
from polar_attio_pipeline.cli.undo_text import ItemSample, item_as_json, sections
from polar_attio_pipeline.cli.wrapping import counted, wrapped
from polar_attio_pipeline.passes.story import LINKS_SHOWN
from polar_attio_pipeline.passes.uninstall import NAMES, Uninstalled
from polar_attio_pipeline.sync.undo.values import Item, Verdict

_STOP_FIRST = (
    "Stop Dagster and cron first. Passes that start later are refused, until you run `polar-attio approve reinstall` "
    "or undo the uninstallation."
)


def before(would: Uninstalled, sample: ItemSample, *, width: int) -> Iterator[str]:
    """Yield what would become of the values, in lines."""
    yield from wrapped("What the sync has written to Attio, as far as the ledger knows:", width)
    if not sample.counts:
        yield ""
        yield "Nothing."
    yield from sections(sample, width, names=NAMES)
    yield ""
    yield from _strangers(would, width)
    yield from _attributes(would.attributes, "Would be archived", width)
    has_work = would.written or would.attributes
    yield from wrapped(_STOP_FIRST if has_work else "There is nothing to take out of Attio.", width)


def after(done: Uninstalled, *, ledger: str, width: int) -> Iterator[str]:
    """Yield what remains, and how this is taken back, in lines.

    Args:
        done: What became of it.
        ledger: Its name.
        width: Of the terminal, in characters.
    """
    yield from _attributes(done.attributes, "Archived", width)
    yield ""
    yield "What remains:"
    for line in remains(done, ledger=ledger):
        yield from wrapped(f"- {line}", width)
    if done.written:
        yield ""
        setup = " `polar-attio setup`, then" if any(not one.problem for one in done.attributes) else ""
        yield from wrapped(f"To take this back:{setup} polar-attio undo {done.pass_id}", width)


def remains(done: Uninstalled, *, ledger: str) -> Iterator[str]:
    """Yield what is still there, and how it is removed, in sentences."""
    if done.counts.get(Verdict.CREATED):
        yield (
            f"{counted(done.counts[Verdict.CREATED], 'record', 'records')} that the sync created. Nothing is deleted "
            "in Attio: --json lists them with links (again with --dry-run), delete those that you do not want."
        )
    yield "Names, addresses, domains and links of people to companies that passes have filled in: `polar-attio undo`."
    if done.strangers:
        yield (
            f"{counted(done.strangers, 'marked record', 'marked records')} of which the ledger has no history: of "
            "another pipeline, of passes before a ledger was lost or restored, or older than the history. --all-marked "
            "clears what an API key wrote to them."
        )
    if all(one.problem for one in done.attributes):
        yield (
            "The attributes: archive them by hand in Attio (Workspace settings, Objects, People, Attributes), or run "
            "this again with --archive-attributes. Their values stay, and `polar-attio setup` restores them."
        )
    yield f"The ledger {ledger}, with names and addresses: delete it when you no longer want to undo anything."
    yield "In Polar nothing: the sync writes nothing there and has no webhook. Revoke its token, and the key in Attio."
    yield "In Dagster the runs and the code location: remove it from workspace.yaml, then delete .env and this program."


def as_document(done: Uninstalled, items: Sequence[Item], *, dry_run: bool, ledger: str) -> dict[str, Any]:
    """Return what became of it, or would become of it, for `--json`."""
    return {
        "dry_run": dry_run,
        "pass": done.pass_id,
        "counts": {verdict.value: done.counts.get(verdict, 0) for verdict in Verdict},
        "written": 0 if dry_run else done.written,
        "to_write": done.written if dry_run else 0,
        "left": done.left,
        "marked_without_history": done.strangers,
        "attributes": [
            {"object": one.object_slug, "attribute": one.slug, "problem": one.problem} for one in done.attributes
        ],
        "values": [item_as_json(item) for item in items],
        "remains": list(remains(done, ledger=ledger)),
    }


def _strangers(would: Uninstalled, width: int) -> Iterator[str]:
    if not would.strangers:
        return
    links = "; ".join(would.stranger_links[:LINKS_SHOWN])
    more = "; and others" if len(would.stranger_links) > LINKS_SHOWN else ""
    yield from wrapped(
        f"Marked, and without a history in the ledger, so left alone: "
        f"{counted(would.strangers, 'record', 'records')}. {links}{more}.",
        width,
    )
    yield ""


def _attributes(attributes: Sequence[Archived], what: str, width: int) -> Iterator[str]:
    archived = [f"{one.slug} of {one.object_slug}" for one in attributes if not one.problem]
    if archived:
        yield from wrapped(f"{what}: {', '.join(archived)}.", width)
    problems: dict[str, list[str]] = {}
    for one in attributes:
        if one.problem:
            problems.setdefault(one.problem, []).append(f"{one.slug} of {one.object_slug}")
    for problem, named in problems.items():
        yield from wrapped(f"{', '.join(named)}: {problem}", width)
    if attributes:
        yield ""
