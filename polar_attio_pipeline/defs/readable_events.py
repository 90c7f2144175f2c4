"""Whether Polar's events can be read, as the sensor of changes has found it and the schedule needs to know it."""

from contextlib import suppress

from polar_attio_pipeline.defs.bounded import LEDGER_PATIENCE, LEDGER_SECONDS, within
from polar_attio_pipeline.defs.resources import LedgerResource

EVENTS_FACT = "polar_events"
"""On record in the ledger: `READABLE` or `NOT_READABLE`."""

READABLE = "readable"
NOT_READABLE = "not readable"


def without_events(ledger: LedgerResource) -> bool:
    """Tell whether events are known not to be readable; what the ledger cannot say is not known."""
    try:
        return within(LEDGER_SECONDS, lambda: ledger.open(patience=LEDGER_PATIENCE).fact(EVENTS_FACT)) == NOT_READABLE
    except Exception:  # noqa: BLE001  # whatever is wrong with the ledger, the pass says it
        return False


def note_events(ledger: LedgerResource, *, readable: bool) -> None:
    """Put on record whether events can be read, if that is not what is there; the next tick tries again if it fails."""
    said = READABLE if readable else NOT_READABLE

    def note() -> None:
        opened = ledger.open(patience=LEDGER_PATIENCE)
        if opened.fact(EVENTS_FACT) != said:
            opened.set_fact(EVENTS_FACT, said)

    # Whatever is wrong with the ledger, the pass says it.
    with suppress(Exception):
        within(LEDGER_SECONDS, note)
