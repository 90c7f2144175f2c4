"""What taking a pass back asks of the CRM, for the records of one object."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import BeforeWrite, Restored
from polar_attio_pipeline.sync.records import Values
from polar_attio_pipeline.sync.undo.values import HeldRecord


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """The answer to a search by record id.

    Attributes:
        records: Those that exist.
        unsearchable: The record ids that the CRM could not search for.
    """

    records: Sequence[HeldRecord]
    unsearchable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removed:
    """The answer to the removal of an address.

    Attributes:
        addresses: Those that the person had until then.
        execution_id: The CRM's name for the request; None where nothing was written, or it gives none.
    """

    addresses: tuple[str, ...]
    execution_id: str | None = None


class Restorable(Protocol):
    """The records of one object, as they can be put back.

    Each method that writes raises `RecordGoneError` where there is no such record any more, `RecordRefusedError` where
    a value was refused and nothing was written, `DeniedError` where the service does not allow updates at present, and
    `UnavailableError` where the request failed for good. What is returned names the request, as the CRM does.
    """

    @property
    def targets(self) -> Mapping[str, Target]:
        """The attributes that can be written, by key."""
        ...

    async def find_by_id(self, record_ids: Collection[str]) -> FoundRecords:
        """Return the records with these ids.

        Raises:
            UnavailableError: the search failed for good, and not because of single records.
        """
        ...

    async def restore(self, record_id: str, values: Values) -> str | None:
        """Write these values, and only these; None clears. The record id of a company links a person to it."""
        ...

    async def remove_address(self, record_id: str, address: str) -> Removed:
        """Take one address off a person, after another look: all others stay, in their order.

        Where it is not there, or is the only one, nothing is written.
        """
        ...

    async def add_address(self, record_id: str, address: str) -> str | None:
        """Give a person an address, in front of all others.

        Returns:
            The CRM's name for the request.

        Raises:
            EmailTakenError: another record holds it; nothing was written.
        """
        ...

    async def keep_company(self, held: HeldRecord, *, before_write: BeforeWrite) -> Restored | None:
        """See to it that a person who was given an address keeps the company that somebody chose.

        It takes seconds, and raises nothing: what cannot be restored is logged.

        Args:
            held: As it was before the address was added.
            before_write: Takes the company that the CRM has set, before it is replaced.

        Returns:
            None if nothing was written, or it is not known.
        """
        ...

    async def is_answering(self) -> bool:
        """Tell whether the service answers a simple request at all, within seconds."""
        ...
