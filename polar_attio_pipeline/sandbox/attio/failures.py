"""What a workspace fails at because somebody asked for it."""

from polar_attio_pipeline.sandbox.attio.errors import bad_request, conflict
from polar_attio_pipeline.sandbox.attio.store import Record


class BrokenRecordError(Exception):
    """The answer would hold a record that cannot be serialised; 500."""


class Failures:
    """The failures of one workspace."""

    def __init__(self) -> None:
        self._conflicts = 0
        self._gates = 0
        self._broken: set[str] = set()

    def conflict_next(self, count: int = 1) -> None:
        """Answer the next record writes with 409 `concurrent_write_conflict`."""
        self._conflicts = count

    def gate_next(self, count: int = 1) -> None:
        """Answer the next record writes with 400 `particle_gate_violation`, as behind a plan's gate."""
        self._gates = count

    def break_person(self, record_id: str) -> None:
        """Answer 500 whenever the person would be in an answer of the API: alone, in a list or after a write.

        That Attio can hold such a record is an assumption: Polar does. A write to it is carried out all the same.
        """
        self._broken.add(record_id)

    def mend_person(self, record_id: str) -> None:
        """Let the person be shown again."""
        self._broken.discard(record_id)

    def check_serialisable(self, record: Record) -> None:
        """Let a record into an answer.

        Raises:
            BrokenRecordError: it is broken.
        """
        if record.id in self._broken:
            raise BrokenRecordError(record.id)

    def admit_write(self) -> None:
        """Let a record write through, or fail it as was asked for.

        Raises:
            AttioError: `conflict_next` or `gate_next` is not used up; 409 or 400.
        """
        if self._conflicts:
            self._conflicts -= 1
            raise conflict(
                "concurrent_write_conflict",
                "The record was modified by another request while this write was being validated. Please try again.",
            )
        if self._gates:
            self._gates -= 1
            raise bad_request("particle_gate_violation", "This feature is not available on your current plan.")
