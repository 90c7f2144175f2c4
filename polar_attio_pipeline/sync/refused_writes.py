"""Which errors say that nothing was written."""

from collections.abc import Iterator
from contextlib import contextmanager

from polar_attio_pipeline.sync.companies.ports import DomainTakenError
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    History,
    RecordGoneError,
    RecordRefusedError,
)


@contextmanager
def dropped_if_refused(history: History, intent: Intent) -> Iterator[None]:
    """Settle an intended write as not carried out where the error that ends the context says so.

    Any other error leaves it open: it may have been carried out.
    """
    try:
        yield
    except Exception as error:
        if _was_refused(error):
            history.settle(intent)
        raise


def _was_refused(error: Exception) -> bool:
    if isinstance(error, EmailTakenError | DomainTakenError):
        return not error.perhaps_ours
    return isinstance(error, DeniedError | RecordGoneError | RecordRefusedError)
