"""`polar-attio init`: the files that the pipeline needs in a folder, so that it runs there without a clone."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from polar_attio_pipeline.cli.output import fail, print_rows
from polar_attio_pipeline.cli.templates import ENVIRONMENT, IGNORED, templates

_STYLES = {"written": "green", "kept": "dim", "warn": "yellow"}
_PRIVATE = 0o600
_PLAIN = 0o666
"""Less what the umask takes."""
_OTHERS = 0o077

_console = Console(highlight=False, markup=False, soft_wrap=True)


def init(
    folder: Annotated[Path, typer.Argument(help="Made if it is not there; this folder unless given.")] = Path(),
    *,
    show: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print one of the files as this version has it, such as .env; write none."),
    ] = None,
) -> None:
    """Write dagster.yaml, workspace.yaml, .env and .gitignore into a folder; a file that is there stays as it is."""
    contents = templates()
    if show is not None:
        if show not in contents:
            fail(f"There is no file {show} to show: it is one of {', '.join(contents)}.")
        typer.echo(contents[show], nl=False)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [_put(folder / name, content) for name, content in contents.items()]
    except OSError as error:
        fail(f"{error.filename or folder} cannot be written ({error.strerror}): choose another folder, or mend that.")
    print_rows(rows, styles=_STYLES)
    _console.print(_next_steps(folder))


def _put(file: Path, content: str) -> tuple[str, str, str]:
    """Write a file unless it is there, and return what was done, its name, and what there is to know."""
    mode = _PRIVATE if file.name == ENVIRONMENT else _PLAIN
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return _kept(file, content)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(content)
    except OSError:
        # A part of it would be kept at the next attempt.
        file.unlink(missing_ok=True)
        raise
    return "written", file.name, "for your tokens; only you can read it" if mode == _PRIVATE else ""


def _kept(file: Path, content: str) -> tuple[str, str, str]:
    """Return the same of a file that was there before: where it differs, a person has wanted that."""
    if file.name == ENVIRONMENT:
        if file.stat().st_mode & _OTHERS:
            command = f"chmod 600 {shlex.quote(str(file))}"
            return "warn", file.name, f"stays as it is; other users of this machine can read it: {command}"
        return "kept", file.name, f"stays as it is; polar-attio init --show {ENVIRONMENT} prints every setting"
    if file.name == IGNORED:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        missing = [line for line in content.splitlines() if line not in lines]
        if missing:
            return "warn", file.name, f"stays as it is; add lines to it: {' '.join(missing)}"
    elif file.read_text(encoding="utf-8", errors="replace") != content:
        return "kept", file.name, f"stays as it is; polar-attio init --show {file.name} prints the one of this version"
    return "kept", file.name, "nothing to do"


def _next_steps(folder: Path) -> str:
    enter = "" if folder.resolve() == Path.cwd() else f"  cd {shlex.quote(str(folder))}\n"
    return (
        "\nNext, in that folder, which is where settings are looked for (.env) and state is kept (.state):\n"
        f"{enter}"
        "  polar-attio dev      the Dagster UI; on a sandbox of both services as long as .env has no tokens\n"
        "To go live, fill in .env, then:\n"
        "  polar-attio setup    creates the attributes in Attio\n"
        "  polar-attio doctor   says what is missing\n"
        "  polar-attio plan     shows what the first import would write\n"
        "  polar-attio dev      now live; in Jobs, launch full_reconciliation: the first import"
    )
