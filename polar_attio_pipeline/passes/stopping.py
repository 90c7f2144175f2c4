"""A pass that is asked to end: by Ctrl-C, by a service manager, or by Dagster's button.

Python's usual answer to a signal is an exception at whatever line is being run, which may be in the middle of a
request. Here the first signal cancels the pass, which then lets the writes under way come to an end and says what it
did; a second one does not wait for them.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """Whether a pass was asked to end.

    Attributes:
        by: The signal; None while there was none.
        heard: Called at once when the pass is asked to end.
    """

    by: signal.Signals | None = None
    heard: Callable[[], None] = lambda: None

    def request(self, by: signal.Signals) -> None:
        """Ask for the pass to end."""
        self.by = by
        self.heard()

    def is_requested(self) -> bool:
        """Tell whether it was."""
        return self.by is not None


class PassStoppedError(Exception):
    """The pass was asked to end, and did.

    Attributes:
        by: The signal.
    """

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(f"The pass was stopped by {by.name} before its end; what it did is on record.")
        self.by = by


def run_until_stopped(work: Callable[[Stop], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a pass in an event loop of its own.

    Signals are heeded in the main thread only, and on systems whose event loop can; elsewhere they act as usual.

    Args:
        work: The pass; what it is given says whether it was asked to end.

    Raises:
        PassStoppedError: it was asked to end before it had done everything.
        Exception: what the pass raises.
    """

    async def run() -> _Result:
        stop = Stop()
        with _heeding_signals(stop):
            try:
                return await work(stop)
            except asyncio.CancelledError:
                if stop.by is None:
                    raise
                raise PassStoppedError(stop.by) from None

    return asyncio.run(run())


@contextmanager
def _heeding_signals(stop: Stop) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(by: signal.Signals) -> None:
        task.cancel()
        stop.request(by)

    before = {one: signal.getsignal(one) for one in _SIGNALS}
    try:
        for one in _SIGNALS:
            loop.add_signal_handler(one, end, one)
    except NotImplementedError:
        # Windows: its event loops know no signals.
        yield
        return
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)
