"""Asks what may take long, such as a locked database, for a bounded time."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

LEDGER_PATIENCE = 4
"""Seconds that a tick waits for writers of the ledger."""

LEDGER_SECONDS = 5
"""Seconds that it waits for the ledger in all."""


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Return what a call returns, or raise what it raises.

    The call goes on in its thread when the time is over: Python cannot end it. So it needs a bound of its own, if a
    longer one.

    Raises:
        TimeoutError: it did not return in time.
    """
    answers: queue.SimpleQueue[tuple[Answer | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that waits for it
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]  # None where the call returned None
