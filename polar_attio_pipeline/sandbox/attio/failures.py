"""What a workspace fails at because somebody asked for it."""

from collections.abc import Mapping
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import bad_request, conflict, invalid_value
from polar_attio_pipeline.sandbox.attio.store import Record


class BrokenRecordError(Exception):
    """The answer would hold a record that cannot be serialised; 500."""


class Failures:
    """The failures of one workspace."""

    def __init__(self) -> None:
        self._conflicts = 0
        self._gates = 0
        self._broken: set[str] = set()
        self._refused: set[str] = set()

    def conflict_next(self, count: int = 1) -> None:
        """Answer the next record writes with 409 `concurrent_write_conflict`."""
        self._conflicts = count

    def gate_next(self, count: int = 1) -> None:
        """Answer the next record writes with 400 `particle_gate_violation`, as behind a plan's gate."""
        self._gates = count

    def refuse_values(self, slug: str) -> None:
        """Answer 400 to each record write through the API that has a value for an attribute, whatever the value."""
        self._refused.add(slug)

    def accept_values(self, slug: str) -> None:
        """Let values of the attribute be written again."""
        self._refused.discard(slug)

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

    def admit_write(self, values: Mapping[str, Any]) -> None:
        """Let a record write through, or fail it as was asked for.

        Args:
            values: What it would write, by slug.

        Raises:
            AttioError: `conflict_next` or `gate_next` is not used up, or an attribute's values are refused; 409 or 400.
        """
        refused = next((slug for slug in values if slug in self._refused), None)
        if refused is not None:
            raise invalid_value(refused)
        if self._conflicts:
            self._conflicts -= 1
            raise conflict(
                "concurrent_write_conflict",
                "The record was modified by another request while this write was being validated. Please try again.",
            )
        if self._gates:
            self._gates -= 1
            raise bad_request("particle_gate_violation", "This feature is not available on your current plan.")
