"""Turns what a database driver raises into one sentence for a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from polar_attio_pipeline.ledger import postgres_errors, sqlite_errors
from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.location import Location


def is_locked(error: BaseException) -> bool:
    """Tell whether another connection's transaction was in the way, so that another try may succeed."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite_errors.code_of(cause) in sqlite_errors.BUSY
    return postgres_errors.state_of(cause) in postgres_errors.BUSY


@contextmanager
def explaining(place: Location, *, patience: float) -> Iterator[None]:
    """Let what fails below fail with a sentence; a statement that is wrong in itself fails as it is.

    Args:
        place: The ledger, for the sentence.
        patience: How many seconds were waited for other writers.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        # The latter of a connection as the driver has it, which SQLAlchemy has not wrapped.
        sentence = _locked(place, patience) if is_locked(error) else _sentence(place, error)
        if sentence is None:
            raise
        raise LedgerError(sentence) from error


def _sentence(place: Location, error: DBAPIError | sqlite3.Error) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite_errors.sentence(place, cause)
    return postgres_errors.sentence(place, error) if isinstance(error, DBAPIError) else None


def _locked(place: Location, patience: float) -> str:
    return (
        f"The ledger {place.name} was locked by another program for {patience:g} seconds: close the transaction that "
        "it has open (in a database shell or a notebook), then run this again."
    )
