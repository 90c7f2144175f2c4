"""Outcomes and writes for the tests of the ledger."""

from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.ledger import Recorder
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def outcome(customer_id: str, result: Result = Result.CREATED, **fields: Any) -> Outcome:
    given = {
        "email": f"{customer_id}@example.com",
        "created_at": NOON,
        "record_id": f"record of {customer_id}",
        "urls": (f"https://attio.example/{customer_id}",),
        **fields,
    }
    return Outcome(customer_id=customer_id, result=result, **given)


def rejected(customer_id: str, reason: Reason = Reason.NO_EMAIL, **fields: Any) -> Outcome:
    given = {"detail": "Give it an address.", "record_id": None, "urls": (), **fields}
    return outcome(customer_id, Result.REJECTED, reason=reason, **given)


def write(customer_id: str, *, record_id: str | None = None, old: str | None = None, new: str = "DE") -> Write:
    value = WrittenValue("polar_country", old, "workspace-member" if old else None, new)
    return Write(customer_id, record_id or f"record of {customer_id}", (value,))


def carry_out(recorder: Recorder, done: Write) -> None:
    """Put a write on record as a pass does: before it is sent, and when it is done."""
    record_id = done.record_id if done.action is WriteAction.UPDATE else None
    intent = Intent(done.customer_id, record_id, done.values, done.object_slug)
    recorder.intend([intent])
    recorder.settle(intent, done)
