"""The commands that the pages show, held against the program and the Makefile. None of them is executed here."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer.main

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.pages import Code

_PROGRAM = re.compile(r"(?:^|[\s/])polar-attio(?= |$)")
_MAKE = re.compile(r"(?:^|[\s;&])make ((?:[a-z]+(?: && make )?)+)")
_ENDS = {"|", "&&", "||", ";", ">", ">>", "<", "&", "2>"}
_PLACEHOLDER = re.compile(r"[A-Z]+")
_SHELL = ("", "console", "sh", "bash", "shell", "text")


def lines(code: Code) -> list[str]:
    """Return the lines of code that may be commands; of a session, those after the prompt."""
    if not code.is_block:
        return [code.text]
    if code.language not in _SHELL:
        return []
    whole = code.text.replace("\\\n", " ").splitlines()
    typed = [line[2:] for line in whole if line.startswith("$ ")]
    return typed or [line.strip() for line in whole]


def program_calls(code: Code) -> Iterator[list[str]]:
    """Yield the arguments of each call of polar-attio."""
    for line in lines(code):
        found = _PROGRAM.search(line)
        if found is None or not _is_command(line[: found.start()]):
            continue
        yield _arguments(line[found.end() :])


def _is_command(before: str) -> bool:
    """Tell whether what stands before the program's name is a path, a setting or a program that runs it."""
    words = before.split()
    if words and words[0] in {"docker", "kubectl"} and not {"exec", "run"} & {*words}:
        return False
    return all(
        "=" in word or "/" in word or word in {"uvx", "--from", "uv", "run", "exec", "-T"} for word in words
    ) or (bool(words) and words[0] in {"uvx", "docker", "kubectl", "sudo", "ExecStart", "pipx", "systemd-run"})


def _arguments(text: str) -> list[str]:
    bare = text.replace("[", " ").replace("]", " ").replace("...", "")
    words = shlex.split(bare, comments=True)
    end = next((number for number, word in enumerate(words) if word in _ENDS), len(words))
    return words[:end]


def problem_of(arguments: list[str]) -> str | None:
    """Say what is wrong with a call of polar-attio; None if the program has the command and its options.

    An option at the end may lack its value: sentences name options so.
    """
    wrong = _problem(arguments)
    return wrong and _problem([*arguments, "VALUE"]) and wrong


def _problem(arguments: list[str]) -> str | None:
    # Typer brings its own copy of click, and earlier versions used click itself: both have what is called here.
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="polar-attio")
    rest = list(arguments)
    while below := getattr(command, "commands", None):
        if not rest or rest[0].startswith("-"):
            break
        if _PLACEHOLDER.fullmatch(rest[0]):
            return None
        if rest[0] not in below:
            return f"there is no command {rest[0]}"
        command = below[rest.pop(0)]
        context = command.context_class(command, info_name=command.name, parent=context)
    try:
        command.make_parser(context).parse_args(rest)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return str(error.format_message())
    return None


def make_targets(code: Code) -> Iterator[str]:
    """Yield each target of make."""
    for line in lines(code):
        for found in _MAKE.finditer(line.split("#")[0]):
            yield from (name for name in re.split(r" && make ", found[1]) if name)


def known_targets() -> set[str]:
    """Return the targets that the Makefile explains."""
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
