"""When a failed request is sent again, and when it is given up."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import tenacity

from polar_attio_pipeline.http.errors import ApiError, LostAnswerError, TransientError

_log = logging.getLogger(__name__)


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
        attempt_seconds: Seconds after which one attempt counts as lost, however slowly its bytes keep dripping in.
    """

    attempts: int = 9
    seconds: float = 180
    first_wait: float = 0.5
    longest_wait: float = 30
    longest_pause: float = 120
    attempts_at_500: int | None = None
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


def retrying(
    policy: RetryPolicy,
    *,
    spent: TimeSpent,
    retry_lost_answers: bool,
    sleep: Callable[[float], Awaitable[None]],
    before_sleep: Callable[[tenacity.RetryCallState], None],
) -> tenacity.AsyncRetrying:
    """Return the loop that calls a function until it succeeds, fails for good, or the policy says stop.

    Args:
        policy: The bounds.
        spent: Kept up to date by the function that is called.
        retry_lost_answers: False for a request that must not be carried out twice.
        sleep: Waits between attempts.
        before_sleep: Called with every attempt that will be repeated.
    """
    doubling = tenacity.wait_exponential(multiplier=policy.first_wait, max=policy.longest_wait)
    backoff = doubling + tenacity.wait_random(0, policy.first_wait)

    def worth_repeating(error: BaseException) -> bool:
        if not isinstance(error, TransientError) or (error.retry_after or 0) > policy.longest_pause:
            return False
        return retry_lost_answers or not isinstance(error, LostAnswerError)

    def wait(state: tenacity.RetryCallState) -> float:
        return _asked_for(state) or backoff(state)

    def used_up(state: tenacity.RetryCallState) -> bool:
        seconds = spent.seconds + state.idle_for + state.upcoming_sleep
        attempts = policy.attempts
        if policy.attempts_at_500 and _status(state) == 500:
            attempts = min(attempts, policy.attempts_at_500)
        return state.attempt_number >= attempts or seconds > policy.seconds

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(worth_repeating),
        wait=wait,
        stop=used_up,
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )


def error_of(state: tenacity.RetryCallState) -> BaseException | None:
    """Return what the attempt failed with."""
    return state.outcome.exception() if state.outcome else None


def log_retry(error: ApiError, *, attempt: int, seconds: float) -> None:
    """Log that a request is sent again: method and path, never the query string."""
    what = error.status or error.code
    _log.debug("%s: %s on %s at attempt %d; the next in %.1f s.", error.service, what, error.request, attempt, seconds)


def _status(state: tenacity.RetryCallState) -> int | None:
    error = error_of(state)
    return error.status if isinstance(error, TransientError) else None


def _asked_for(state: tenacity.RetryCallState) -> float | None:
    error = error_of(state)
    return error.retry_after if isinstance(error, TransientError) else None
