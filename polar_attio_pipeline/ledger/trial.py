"""Whether a ledger could be used by a pass, found out without leaving a trace."""

import tempfile
from dataclasses import replace
from enum import Enum
from pathlib import Path

from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.engine import exists
from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.location import Location, locate


class Condition(Enum):
    """How the ledger is before a pass; the values say it to a person."""

    READY = ""
    OUTDATED = "its tables will be created or updated by the next pass"
    ABSENT = "the next pass will create it"


def try_out(place: Location, *, patience: float) -> Condition:
    """Open a ledger as a pass does.

    Args:
        place: Where it is. Where no file is yet, one is opened in a temporary folder beside it.
        patience: How many seconds to wait for writers.

    Raises:
        LedgerError: a pass could not use it; the text says why and what to do.
    """
    if place.file is None or exists(place.file, name=place.name):
        return Condition.READY if Database(place, patience=patience).try_out() else Condition.OUTDATED
    ground = next(folder for folder in place.file.absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".polar_attio_", dir=ground) as folder:
            file = Path(folder, place.file.name)
            Database(replace(locate(file), name=place.name), patience=patience).try_out()
    except OSError as error:
        raise LedgerError(
            f"The ledger {place.name} cannot be made ({type(error).__name__}): name a file in a folder that this user "
            "may write to in POLAR_ATTIO_DATABASE_URL."
        ) from error
    return Condition.ABSENT
