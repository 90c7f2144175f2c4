"""Terminal sessions of the documentation: real commands in processes of their own, against the sandbox.

    python -m polar_attio_pipeline_tests.docs.sessions

writes docs/sessions.md anew; it takes some minutes. Ids, times and durations are other ones each time, so they are
replaced: ids by numbered ones, times by the letters that they are made of.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.docs.attributes import ROOT

PAGE = ROOT / "docs" / "sessions.md"
CUSTOMERS = 2000
PATIENCE = 600
"""Seconds."""

_PROGRAM = "from polar_attio_pipeline.cli.app import app; app(prog_name='polar-attio')"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PASS = re.compile(r"\b[0-9a-f]{32}\b")
_TIMES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)"), "YYYY-MM-DDTHH:MM:SSZ"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "YYYY-MM-DD"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), lambda found: "HH:MM:SS" if found[1] else "HH:MM"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h)\b"), lambda found: f"N {found[2]}"),
    (re.compile(r"\b\d+ (second|minute|hour)s?\b"), lambda found: f"N {found[1]}s"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://sandbox"),
)
_HEAD = """# Sessions

What the commands print, at a terminal 80 columns wide, against the sandbox with {count:,} customers: real commands in
real processes. `python -m polar_attio_pipeline_tests.docs.sessions` writes this page anew, and a test runs the same
session with fewer customers. Ids, dates, times and durations differ each time and are replaced. Here 400 writes are
allowed in a second; Attio itself takes 25.
"""
_LONGEST = 26
"""Lines of output; of more, the middle is left out."""


@dataclass(frozen=True)
class Ran:
    """One command, and what came of it."""

    command: str
    output: str
    exit_code: int


@dataclass
class Terminal:
    """A terminal in a folder of its own, with the sandbox behind it.

    Attributes:
        sandbox: Both services.
        folder: Where the commands run.
        environment: Of the commands.
        ran: The commands so far, each under what a reader is told about it.
    """

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]
    ran: list[tuple[str, Ran]] = field(default_factory=list)

    def run(self, about: str, *arguments: str, stop_after: int = 0) -> Ran:
        """Run a command.

        Args:
            about: What a reader is told about it.
            arguments: Of `polar-attio`.
            stop_after: Press Ctrl-C once Attio has taken so many writes; 0 for never.
        """
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=self.environment,
        ) as process:
            until = time.monotonic() + PATIENCE
            while stop_after and self.sandbox.attio.writes < stop_after and process.poll() is None:
                assert time.monotonic() < until, "it does not write"
                time.sleep(0.02)
            if stop_after:
                process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
        done = Ran(" ".join(("polar-attio", *arguments)), output, process.returncode)
        self.ran.append((about, done))
        return done


@contextmanager
def terminal(customers: int) -> Iterator[Terminal]:
    """Open a terminal before a sandbox with so many customers."""
    sandbox = Sandbox(scale=OFF)
    add_attributes(sandbox.attio)
    sandbox.fill(customers=customers, seed=1)
    with serving(sandbox) as url, TemporaryDirectory() as folder:
        sandbox.attio.web = "https://app.attio.com"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "COLUMNS": "80",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
            "ATTIO_API_KEY": ATTIO_TOKEN,
            "POLAR_API_URL": url,
            "ATTIO_API_URL": url,
            "POLAR_REQUESTS_PER_MINUTE": "60000",
            "ATTIO_WRITES_PER_SECOND": "400",
            "ATTIO_READS_PER_SECOND": "400",
        }
        yield Terminal(sandbox, Path(folder), environment)


def play(session: Terminal, customers: int) -> Sequence[tuple[str, Ran]]:
    """Run the whole session."""
    polar = session.sandbox.polar
    session.run("What would a first pass do? Nothing is written.", "plan")
    session.run("The first pass, which somebody ends by Ctrl-C.", "sync", stop_after=customers // 3)
    session.run("The same command again does the rest, and writes nothing twice.", "sync")
    row = next(row for row in polar.customers.values() if row.email and row.name)
    polar.update_customer(row.id, name="Ada Lovelace")
    session.run("A customer has another name in Polar. Who is that in Attio, and what comes next?", "explain", row.id)
    session.run("The next pass.", "sync")
    listed = session.run("Which passes wrote something?", "undo")
    newest = _PASS.findall(listed.output)[0]
    session.run("What would be taken back of the newest one?", "undo", newest, "--dry-run")
    session.run("Take it back.", "undo", newest, "--yes")
    session.run("Is everything well? The exit code is for monitors.", "status")
    return session.ran


def page(ran: Sequence[tuple[str, Ran]], customers: int) -> str:
    """Return the page: each command with what it printed and how it ended."""
    parts = [_HEAD.format(count=customers)]
    for about, done in ran:
        lines = done.output.rstrip().splitlines()
        if len(lines) > _LONGEST:
            half = _LONGEST // 2
            lines = [*lines[:half], f"[... {len(lines) - 2 * half} more]", *lines[-half:]]
        shown = "\n".join(lines)
        parts.append(f"{about}\n\n```console\n$ {done.command}\n{shown}\n$ echo $?\n{done.exit_code}\n```\n")
    return normalised("\n".join(parts))


def normalised(text: str) -> str:
    """Replace what differs from one session to the next: ids, times, durations, ports."""
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        number = numbers.setdefault(found[0], len(numbers) + 1)
        return f"{number:08d}-0000-4000-8000-000000000000"

    text = _UUID.sub(numbered, text)
    for number, pass_id in enumerate(dict.fromkeys(_PASS.findall(text)), start=1):
        # Some commands show the beginning of an id.
        text = text.replace(pass_id, f"{number:08d}{'0' * 24}").replace(pass_id[:8], f"{number:08d}")
    for pattern, replacement in _TIMES:
        text = pattern.sub(replacement, text)
    return text


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with its exit code; the ids in them are left out."""
    found = re.findall(r"^\$ (polar-attio .*?)$.*?^\$ echo \$\?\n(\d+)$", text, re.MULTILINE | re.DOTALL)
    return [(re.sub(r"[0-9a-f-]{32,36}", "ID", command), code) for command, code in found]


def main(customers: int = CUSTOMERS) -> None:
    """Write the page."""
    with terminal(customers) as session:
        PAGE.write_text(page(play(session, customers), customers), encoding="utf-8")


if __name__ == "__main__":
    main()
