"""Whether a pass may write from what an earlier step of the same run has read."""

from datetime import UTC, datetime
from typing import Protocol

from polar_attio_pipeline.passes.rules import PassContext


class Dated(Protocol):
    """A snapshot in the ledger."""

    @property
    def read_at(self) -> datetime:
        """When the reading began, by this machine's clock."""
        ...

    @property
    def free_lease_token(self) -> int | None:
        """The last fencing token of the lease when the reading began, if the lease was free then; else None."""
        ...


def is_current(snapshot: Dated, context: PassContext, *, token: int) -> bool:
    """Tell whether no other pass can have written since the snapshot was read, and it is minutes old.

    Args:
        snapshot: Of the same run.
        context: Of the pass.
        token: The fencing token of the pass, which has the lease.
    """
    undisturbed = snapshot.free_lease_token is not None and token == snapshot.free_lease_token + 1
    return undisturbed and datetime.now(UTC) - snapshot.read_at <= context.rules.snapshot_age
