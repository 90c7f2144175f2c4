"""One writer at a time, wherever a pass is started: Dagster's queue, a terminal, cron, another machine.

The lease is a row in the ledger with a counter that its owner moves on every few seconds. No clock is compared with
another machine's: a waiting process measures by its own clock how long the counter has stood still.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from polar_attio_pipeline import processes
from polar_attio_pipeline.ledger import Holder, Ledger, LedgerError
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.tasks import task_group

_log = logging.getLogger(__name__)

BEAT_SECONDS = 10
"""Between two heartbeats of the owner."""

DEAD_SECONDS = 90
"""After so long without a heartbeat the owner counts as dead, and the lease is taken over."""

SAFE_SECONDS = 60
"""An owner that could not move its heartbeat on for so long gives up, well before another process takes over."""

LONGEST_WAIT_SECONDS = 2 * 3600
"""So long a pass waits for another one; then it fails, and is tried again later."""

_POLL_SECONDS = 1


class LeaseLostError(UnavailableError):
    """Another process may have become the writer: this pass stops before its next write."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait between heartbeats and before an owner counts as dead, in seconds."""

    beat: float = BEAT_SECONDS
    dead: float = DEAD_SECONDS
    safe: float = SAFE_SECONDS
    longest_wait: float = LONGEST_WAIT_SECONDS
    poll: float = _POLL_SECONDS


Waits = Callable[[str, float], None]
"""Takes who is waited for, as a sentence without its full stop, and for how many seconds at most."""


def _silently(who: str, seconds: float) -> None:
    """Say nothing."""


@asynccontextmanager
async def one_writer(
    ledger: Ledger, *, what: str, timing: Timing | None = None, waits: Waits = _silently
) -> AsyncIterator[int]:
    """Be the only writer for as long as the context lasts; yields the fencing token, which no other pass has ever had.

    Args:
        ledger: Holds the lease.
        what: What this process does with it, for those who wait.
        timing: Other times than the usual ones.
        waits: Called when another process turns out to be the writer.

    Raises:
        UnavailableError: another pass has not ended in two hours; or, inside, the lease was lost.
        LedgerError: the ledger cannot be used.
    """
    times = timing or Timing()
    token = await _acquire(ledger, what, times, waits)
    try:
        async with task_group() as tasks:
            beating = tasks.create_task(_beat(ledger, token, times))
            try:
                yield token
            finally:
                beating.cancel()
    finally:
        with suppress(LedgerError):
            ledger.release_lease(token)


async def _acquire(ledger: Ledger, what: str, times: Timing, waits: Waits) -> int:
    owner = processes.process_identity()
    began = changed = time.monotonic()
    seen: Holder | None = None
    while True:
        token = ledger.acquire_lease(owner, what)
        if token is not None:
            return token
        holder = ledger.lease_holder()
        now = time.monotonic()
        if holder.owner is None:
            continue
        if seen is None or (holder.fencing_token, holder.heartbeats) != (seen.fencing_token, seen.heartbeats):
            if seen is None or holder.fencing_token != seen.fencing_token:
                waits(_describe(holder), times.longest_wait - (now - began))
            seen, changed = holder, now
        dead = processes.is_gone(holder.owner) or now - changed > times.dead
        if dead and (token := ledger.acquire_lease(owner, what, instead_of=holder)) is not None:
            _log.warning("The other writer has ended without a word (%s); this pass goes on.", holder.activity)
            return token
        if now - began > times.longest_wait:
            raise UnavailableError(
                f"Another writer has been at work for {times.longest_wait / 3600:.0f} hours ({holder.activity}): see "
                "whether it still makes progress, and end it if not; this pass is tried again later."
            )
        await asyncio.sleep(times.poll)


def _describe(holder: Holder) -> str:
    """Say who is at work: what it does, and in which process."""
    try:
        owner = json.loads(holder.owner or "")
        where = f", in process {owner['pid']} on {owner['host']}"
    except (ValueError, TypeError, KeyError):
        where = ""
    return f"another pass is at work ({holder.activity}{where}), so this one waits"


async def _beat(ledger: Ledger, token: int, times: Timing) -> None:
    moved = time.monotonic()
    while True:
        await asyncio.sleep(times.beat)
        try:
            if not ledger.renew_lease(token):
                raise LeaseLostError(
                    "Another process has become the writer, because this one stood still for too long: this pass "
                    "stops, and what it did is on record."
                )
            moved = time.monotonic()
        except LedgerError as error:
            if time.monotonic() - moved > times.safe:
                raise LeaseLostError(f"The ledger cannot be used, so this pass stops: {error}") from error
