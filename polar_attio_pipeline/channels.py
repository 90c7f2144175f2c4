"""Where alerts go: any channel that apprise can reach.

Apprise and the libraries below it log the addresses that they use, which hold passwords. So they run in a process of
their own, whose output is read and never shown; it ends a channel that does not answer, too.
"""

import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SALT = b"the alert channels of polar-attio-pipeline"
"""One for all: the same channel has the same fingerprint in the next evaluation."""

_KNOWN_SECONDS = 30
"""So long apprise may take to load and to judge an address."""


class Kind(StrEnum):
    """What a notice is about; the values are apprise's."""

    PROBLEM = "failure"
    OVER = "success"
    TEST = "info"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to people.

    Attributes:
        state: Name of the state that has changed.
        text: What is wrong, or what is over.
        kind: Whether it has begun or ended.
        pipeline: Which pipeline it is about, where an instance of Dagster has several; empty otherwise.
    """

    state: str
    text: str
    kind: Kind = Kind.PROBLEM
    pipeline: str = ""

    @property
    def title(self) -> str:
        """What a person reads first."""
        which = f" ({self.pipeline})" if self.pipeline else ""
        return f"Polar to Attio{which}: {self.state}" + (" (over)" if self.kind is Kind.OVER else "")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the notices for one channel: whether apprise knows such an address, and which were taken."""

    known: bool
    taken: Sequence[Notice]


@functools.lru_cache(maxsize=64)
def fingerprint(url: str) -> str:
    """Return what tells a channel from others without giving its password away, which people may have made up."""
    # Slow on purpose: Dagster keeps it, and shows it in its UI.
    return hashlib.scrypt(url.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=8).hex()


def is_channel(url: str) -> bool:
    """Tell whether apprise knows what to do with an address."""
    (delivery,) = deliver([(url, [])], seconds=_KNOWN_SECONDS)
    return delivery.known


def deliver(batches: Sequence[tuple[str, Sequence[Notice]]], *, seconds: float) -> list[Delivery]:
    """Send each channel its notices, all channels at once; a channel that fails or does not answer harms no other.

    A notice that was sent when the time ended may arrive although it counts as not taken, never the other way round.

    Args:
        batches: For each channel its address, in apprise's notation, such as "slack://..." or "mailto://...", and its
            notices.
        seconds: How long to wait for all of them together.
    """
    until = time.monotonic() + seconds
    senders = [(_start(url, notices), notices) for url, notices in batches]
    return [_read(sender, notices, until - time.monotonic()) for sender, notices in senders]


def _start(url: str, notices: Sequence[Notice]) -> subprocess.Popen[str]:
    sender = subprocess.Popen(  # noqa: S603  # this module, and nothing from outside
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert sender.stdin is not None
    messages = [[notice.title, notice.text, notice.kind.value] for notice in notices]
    try:
        # On its standard input: arguments and environment are shown to every user of the machine.
        json.dump({"url": url, "messages": messages}, sender.stdin)
        sender.stdin.close()
    except OSError:
        sender.kill()
    sender.stdin = None
    return sender


def _read(sender: subprocess.Popen[str], notices: Sequence[Notice], seconds: float) -> Delivery:
    try:
        said, _ = sender.communicate(timeout=max(seconds, 0))
    except subprocess.TimeoutExpired:
        sender.kill()
        said, _ = sender.communicate()
    known, *taken = [line == "yes" for line in said.splitlines()] or [False]
    return Delivery(known, [notice for notice, was_taken in zip(notices, taken, strict=False) if was_taken])


def _serve() -> None:
    """Be the process of one channel: say whether its address is known, then whether it took each message."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr
    asked = json.load(sys.stdin)
    import apprise  # noqa: PLC0415  # half a second that only this process pays

    channel = apprise.Apprise()
    print("yes" if channel.add(asked["url"]) else "no", file=answers, flush=True)  # read by `_read`
    for title, text, kind in asked["messages"]:
        taken = channel.notify(title=title, body=text, notify_type=apprise.NotifyType(kind))
        print("yes" if taken else "no", file=answers, flush=True)  # as above


if __name__ == "__main__":
    _serve()
