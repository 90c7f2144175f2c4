"""What `undo` and `uninstall` have in common: show what would happen, ask, carry it out, and say what became of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import typer

from polar_attio_pipeline.cli.asking import insist_on_yes
from polar_attio_pipeline.cli.output import PARTLY, explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.undo_text import ItemSample
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.undo.engine import Take
from polar_attio_pipeline.sync.undo.values import Item

_AGAIN = "Run the same command again: it goes on where this one ended, and writes nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)


class Done(Protocol):
    """What became of values that were to be taken back."""

    @property
    def left(self) -> int:
        """How many stay as they are."""


D = TypeVar("D", bound=Done)
D_co = TypeVar("D_co", bound=Done, covariant=True)


@dataclass(frozen=True, slots=True)
class How:
    """How a person wants it to be done: the options that both commands have.

    Attributes:
        dry_run: Only show what would happen.
        yes: Neither show it first nor ask.
        as_json: One JSON document instead of text.
        debug: Show each request.
    """

    dry_run: bool
    yes: bool
    as_json: bool
    debug: bool


class CarryOut(Protocol[D_co]):
    """Takes values back, or tells what would become of them."""

    def __call__(self, context: PassContext, *, take: Take, dry_run: bool) -> Awaitable[D_co]:
        """Do it, hand over what becomes of each value, and write nothing in a dry run."""


@dataclass(frozen=True, slots=True)
class Command(Generic[D]):
    """What takes values back.

    Attributes:
        name: Of the command.
        to: What --yes does without a question: "undo the pass".
        carry_out: Does it.
        before: Returns what would happen, in lines.
        question: Returns what to ask before it is done; empty where there is nothing to do.
        after: Returns what to know afterwards, in lines.
        document: Returns all of it for `--json`.
    """

    name: str
    to: str
    carry_out: CarryOut[D]
    before: Callable[[D, ItemSample], Iterable[str]]
    question: Callable[[D], str]
    after: Callable[[D], Iterable[str]]
    document: Callable[[D, Sequence[Item]], dict[str, Any]]


def run(command: Callable[[Settings], Command[D]], how: How) -> None:
    """Do it, and end the command as its exit codes say.

    Args:
        command: Made of the settings in force.
        how: Options of the person.

    Raises:
        typer.Exit: with 2 if something stays that was to go, with 1 if it failed or was not confirmed, and with 128 and
            the signal's number if it was asked to end.
    """
    if how.as_json and not (how.dry_run or how.yes):
        fail("Say what --json is to show: --dry-run for what would happen, or --yes to do it without asking.")
    with explained_errors():
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        done = (_with_json if how.as_json else _with_text)(settings, command(settings), how)
    if done.left:
        raise typer.Exit(PARTLY)


def _with_json(settings: Settings, command: Command[D], how: How) -> D:
    """Have the document on standard output and the progress on standard error."""
    items: list[Item] = []
    if how.dry_run:
        done = asyncio.run(_preview(settings, command, items.extend))
    else:
        say = partial(typer.echo, err=True)
        done = _carry_out(settings, command, items.extend, say, debug=how.debug)
    typer.echo(json.dumps(command.document(done, items), ensure_ascii=False, indent=2))
    return done


def _with_text(settings: Settings, command: Command[D], how: How) -> D:
    if how.dry_run or not how.yes:
        sample = ItemSample()
        would = asyncio.run(_preview(settings, command, sample.add))
        for line in command.before(would, sample):
            typer.echo(line)
        question = command.question(would)
        if how.dry_run or not question:
            return would
        insist_on_yes(question, nothing="Nothing was written", to=command.to)
    done = _carry_out(settings, command, _keep_none, typer.echo, debug=how.debug)
    for line in command.after(done):
        typer.echo(line)
    return done


async def _preview(settings: Settings, command: Command[D], take: Take) -> D:
    async with connected(settings, reason=f"polar-attio {command.name}", retry=PATIENT) as context:
        return await command.carry_out(context, take=take, dry_run=True)


def _carry_out(settings: Settings, command: Command[D], take: Take, say: Callable[[str], None], *, debug: bool) -> D:
    async def work(report: Report, stop: Stop) -> D:
        async with connected(settings, reason=f"polar-attio {command.name}", report=report) as connection:
            context = replace(connection, stop=stop, upcoming=_UPCOMING)
            return await command.carry_out(context, take=take, dry_run=False)

    with shown(settings, command.name, say, debug=debug) as report:
        return run_until_stopped(partial(work, report))


def _keep_none(items: Sequence[Item]) -> None:
    """Keep none: the report of the pass names what is left."""
