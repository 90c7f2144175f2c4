"""What sensors find on record: in the metadata of materializations, which a person may put there too; in the ledger."""

from collections.abc import Collection
from datetime import UTC, datetime

import dagster as dg

from polar_attio_pipeline.defs.bounded import LEDGER_SECONDS, within
from polar_attio_pipeline.ledger import Ledger


def moment_of(materialization: dg.AssetMaterialization | None, name: str) -> datetime | None:
    """Return the moment that the metadata have by this name; None if there is none."""
    value = materialization.metadata.get(name) if materialization else None
    return datetime.fromtimestamp(value.value, UTC) if isinstance(value, dg.TimestampMetadataValue) else None


def ids_of(materialization: dg.AssetMaterialization | None, name: str) -> frozenset[str]:
    """Return the ids that the metadata list by this name; none if there is no such list."""
    value = materialization.metadata.get(name) if materialization else None
    listed = value.value if isinstance(value, dg.JsonMetadataValue) else None
    return frozenset(map(str, listed)) if isinstance(listed, list) else frozenset()


def known_to(ledger: Ledger, customers: Collection[str]) -> frozenset[str]:
    """Return those of some customers that the ledger knows; it is not asked of nobody.

    Raises:
        LedgerError: The ledger could not be read.
        TimeoutError: it did not answer in `LEDGER_SECONDS`.
    """
    return frozenset(within(LEDGER_SECONDS, lambda: ledger.recorded(customers))) if customers else frozenset()
