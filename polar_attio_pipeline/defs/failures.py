"""What a person reads when a step fails: a sentence, what is wrong and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from polar_attio_pipeline.defs.stopped import stopped_tables
from polar_attio_pipeline.http.errors import ApiError, FatalError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.passes.brake import ManyChangesError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.sync.ports import UnavailableError


@contextmanager
def explained_failures() -> Iterator[None]:
    """Let a step fail with the sentence of an error that explains itself; any other error passes as it is.

    Raises:
        dagster.Failure: its description is the sentence. A retry policy heeds it unless a person has to act first.
    """
    try:
        yield
    except (ApiError, UnavailableError, LedgerError, GuardError) as error:
        # Without the cause: Dagster would print its stack of calls below, and the sentence above would be lost.
        allow_retries = not isinstance(error, FatalError | GuardError)
        shown = stopped_tables(error.tally) if isinstance(error, ManyChangesError) else None
        raise dg.Failure(description=str(error), metadata=shown, allow_retries=allow_retries) from None
