"""The first minutes, recorded: the demo in a terminal of its own, as an asciinema cast and as a picture.

    make recording

writes docs/first-minutes.cast, which `asciinema play` shows (format: https://docs.asciinema.org/manual/asciicast/v2/),
and docs/first-minutes.svg, what stands in the terminal at the end.
"""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from polar_attio_pipeline_tests.docs.attributes import ROOT

CAST = ROOT / "docs" / "first-minutes.cast"
PICTURE = ROOT / "docs" / "first-minutes.svg"
WIDTH, HEIGHT = 110, 40
SHOWN = "polar-attio demo"
COMMAND = (str(Path(sys.executable).with_name("polar-attio")), "demo")
_LONGEST_PAUSE = 2
"""Seconds: a player shortens longer pauses."""

_CHUNK = 65536
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""Rich asks a host for a font; the terminal's own does."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a command printed.

    Attributes:
        shown: The command, as a person types it.
        events: Seconds since the start, and what came then.
        exit_code: Of the command.
    """

    shown: str
    events: Sequence[tuple[float, str]]
    exit_code: int

    def cast(self) -> str:
        """Return the recording in the format of asciinema, version 2."""
        header = {
            "version": 2,
            "width": WIDTH,
            "height": HEIGHT,
            "idle_time_limit": _LONGEST_PAUSE,
            "title": self.shown,
            "env": {"TERM": "xterm-256color"},
        }
        events = [[0.0, "o", f"$ {self.shown}\r\n"], *([round(at, 3), "o", text] for at, text in self.events)]
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in (header, *events)) + "\n"

    def picture(self) -> str:
        """Return what stands in the terminal at the end, as SVG that asks no other host for anything."""
        console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
        printed = "".join(text for _, text in self.events).replace("\r\n", "\n")
        console.print(Text.from_ansi(f"$ {self.shown}\n{printed.rstrip()}"), soft_wrap=False)
        return _FONTS.sub("", console.export_svg(title=self.shown, unique_id="first-minutes"))


def record(command: Sequence[str], *, shown: str, folder: Path = ROOT) -> Recording:
    """Run a command in a terminal of its own and return what it prints.

    Args:
        command: With its arguments.
        shown: What a person types instead.
        folder: Where it runs.
    """
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, cwd=folder, env=environment
    ) as process:
        os.close(theirs)
        events = list(_events(ours, began))
    os.close(ours)
    return Recording(shown, events, process.returncode)


def _events(terminal: int, began: float) -> Iterator[tuple[float, str]]:
    """Yield what is printed until the other end is closed, which Linux says by an error."""
    rest = b""
    while True:
        try:
            read = os.read(terminal, _CHUNK)
        except OSError:
            return
        if not read:
            return
        text, rest = _whole(rest + read)
        if text:
            yield time.monotonic() - began, text


def _whole(printed: bytes) -> tuple[str, bytes]:
    """Return the characters that are complete, and the bytes of one that is not."""
    for cut in range(4):
        head = printed[: len(printed) - cut]
        try:
            return head.decode(), printed[len(head) :]
        except UnicodeDecodeError:
            continue
    return printed.decode(errors="replace"), b""


def main() -> None:
    """Record the demo and write both files."""
    done = record(COMMAND, shown=SHOWN)
    if done.exit_code:
        sys.exit(f"The demo has failed with {done.exit_code}: nothing was written.")
    CAST.write_text(done.cast(), encoding="utf-8")
    PICTURE.write_text(done.picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
