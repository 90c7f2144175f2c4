"""When a failed request is sent again, and when it is given up.

The loop is ours. tenacity and stamina bound the time since the first attempt, in which a request may mostly have waited
for our own pace, and neither knows the bounds that depend on the kind of failure: all decisions would stand in their
hooks, and three lines of loop would be theirs. Stamina also prints each retry to the standard output wherever structlog
is installed, as it is with Dagster, and that can only be switched off for the whole process.
"""

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from polar_attio_pipeline.http.errors import LostAnswerError, TransientError

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a request is kept alive.

    The defaults sit out Polar's throttling (a fixed window of 60 seconds) twice, and give up on a dead service within
    three minutes. Time spent in a queue of ours does not count: it says nothing about the service.

    Attributes:
        attempts: Sendings in all.
        seconds: Time in flight and between attempts, in all; no wait that would go beyond it is begun.
        first_wait: Seconds before the second attempt, then doubled each time; each wait is up to so much longer, at
            random, so that requests that failed together do not come back together.
        longest_wait: Seconds that doubling ends at.
        longest_pause: Seconds; a service that asks for a longer wait (Retry-After) is given up at once.
        attempts_at_500: Sendings after which an answer 500 is final; None for as many as at everything else. Meant for
            requests that something in the data may fail for ever.
        attempts_when_lost: Sendings after which a lost answer is final: none at all, a cut one, or one of a server or a
            gateway that fails; None for as many as at everything else.
        attempt_seconds: Seconds after which one attempt counts as lost, however slowly its bytes keep dripping in.
    """

    attempts: int = 9
    seconds: float = 180
    first_wait: float = 0.5
    longest_wait: float = 30
    longest_pause: float = 120
    attempts_at_500: int | None = None
    attempts_when_lost: int | None = None
    attempt_seconds: float = 60


class TimeSpent:
    """How long one request has taken so far.

    Attributes:
        seconds: Between sending and the answer or the failure, over all attempts, and waiting that the service asked
            for. Waiting for the own pace is left out.
        answer_lost: Whether an attempt may have been carried out without an answer.
        attempts: Sendings.
    """

    seconds: float = 0.0
    answer_lost: bool = False
    attempts: int = 0


class Backoff:
    """Decides after each failed attempt of one request."""

    def __init__(self, policy: RetryPolicy, spent: TimeSpent, *, retry_lost_answers: bool) -> None:
        """Begin before the first attempt.

        Args:
            policy: The bounds.
            spent: Kept up to date by the attempts, except for `answer_lost`.
            retry_lost_answers: False for a request that must not be carried out twice.
        """
        self._policy = policy
        self._spent = spent
        self._retry_lost_answers = retry_lost_answers
        self._failures = 0
        self._doubling = policy.first_wait
        self._waited = 0.0

    def wait_after(self, error: TransientError) -> float | None:
        """Return the seconds until the next attempt; None when the error is final."""
        self._failures += 1
        wait = error.retry_after or self._doubling + random.uniform(0, self._policy.first_wait)  # noqa: S311  # no secret
        self._doubling = min(2 * self._doubling, self._policy.longest_wait)
        if not self._is_worth_repeating(error) or self._is_used_up(error, wait):
            return None
        self._waited += wait
        self._spent.answer_lost |= isinstance(error, LostAnswerError)
        _log_retry(error, attempt=self._failures, seconds=wait)
        return wait

    def _is_worth_repeating(self, error: TransientError) -> bool:
        if (error.retry_after or 0) > self._policy.longest_pause:
            return False
        return self._retry_lost_answers or not isinstance(error, LostAnswerError)

    def _is_used_up(self, error: TransientError, wait: float) -> bool:
        policy = self._policy
        attempts = policy.attempts
        if policy.attempts_at_500 and error.status == httpx.codes.INTERNAL_SERVER_ERROR:
            attempts = min(attempts, policy.attempts_at_500)
        if policy.attempts_when_lost and isinstance(error, LostAnswerError):
            attempts = min(attempts, policy.attempts_when_lost)
        return self._failures >= attempts or self._spent.seconds + self._waited + wait > policy.seconds


async def repeated(
    attempt: Callable[[], Awaitable[Result]],
    backoff: Backoff,
    *,
    sleep: Callable[[float], Awaitable[None]],
    before_sleep: Callable[[TransientError, float], None],
) -> Result:
    """Make attempts until one succeeds, fails for good, or the backoff gives up.

    Args:
        attempt: Makes one.
        backoff: Of this request.
        sleep: Waits between attempts.
        before_sleep: Called with each error that is not final, and the seconds until the next attempt.

    Raises:
        Exception: what the last attempt raised.
    """
    while True:
        try:
            return await attempt()
        except TransientError as error:
            wait = backoff.wait_after(error)
            if wait is None:
                raise
            before_sleep(error, wait)
        await sleep(wait)


def _log_retry(error: TransientError, *, attempt: int, seconds: float) -> None:
    """Log that a request is sent again: method and path, never the query string."""
    what = error.status or error.code
    _log.debug("%s: %s on %s at attempt %d; the next in %.1f s.", error.service, what, error.request, attempt, seconds)
