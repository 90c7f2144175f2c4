"""Three of the states that `alerts` watches, by what the ledger says: itself, the customers, passes that wait."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from polar_attio_pipeline.defs.bounded import LEDGER_PATIENCE, LEDGER_SECONDS, within
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors.notices import LEDGER, MANY_CHANGES, UNRESOLVED_CUSTOMERS, State
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.http.redaction import redact
from polar_attio_pipeline.ledger import LedgerError, OutcomeRow
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.trial import try_out
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import StoppedPass
from polar_attio_pipeline.passes.hourly import HOURLY
from polar_attio_pipeline.sync.outcomes import FAILED, NOT_BY_DATA, Result, due_in_attio

LASTING_FOR = timedelta(hours=3)
"""A write that fails so long does not pass by itself: a quota, a poisoned record, a scope."""

NAMED = 3
"""Customers that a notice names."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Count:
    """What the ledger says.

    Attributes:
        results: Customers by result.
        longest_waiting: Some of those that are rejected or ambiguous.
        lasting: Those that have failed for hours for a reason that does not lie with their data.
        stopped: Passes that were stopped because they would have changed too many people, and still wait.
    """

    results: dict[Result, int]
    longest_waiting: Sequence[OutcomeRow]
    lasting: Sequence[OutcomeRow] = ()
    stopped: Sequence[StoppedPass] = ()

    def waiting_hours(self) -> frozenset[str]:
        """Return the partition keys of the hours that wait for such a pass."""
        return frozenset().union(*(one.scope.parts for one in self.stopped if one.scope.kind == HOURLY))


def ask(resource: LedgerResource, now: datetime) -> Count | State:
    """Return what the ledger says, or its state when no pass could use it."""
    try:
        return within(LEDGER_SECONDS, lambda: _read(resource, now))
    except LedgerError as error:
        return State(LEDGER, redact(str(error)))
    except TimeoutError:
        return State(
            LEDGER,
            f"The ledger did not answer within {LEDGER_SECONDS:g} seconds: see that its disk, or its server, is well.",
        )
    except Exception as error:  # noqa: BLE001  # the ledger is at fault, whatever it is, and that is announced
        return State(LEDGER, f"The ledger cannot be read ({type(error).__name__}): run `polar-attio doctor`.")


def _read(resource: LedgerResource, now: datetime) -> Count:
    place = locate(resource.url.get_secret_value())
    if place.file is None or place.file.exists():
        # Reading alone would not show that its disk is full, or that another process keeps all writers out.
        try_out(place, patience=LEDGER_PATIENCE)
    ledger = resource.open(patience=LEDGER_PATIENCE)
    try:
        return Count(
            ledger.counts(),
            ledger.unresolved(limit=NAMED),
            ledger.lasting(NOT_BY_DATA, since=now - LASTING_FOR),
            [one for one in approvals.waiting(ledger) if one.name == approvals.MANY_CHANGES.name],
        )
    finally:
        ledger.close()


def unresolved_customers(look: Look, count: Count, *, error_share: float) -> State:
    """Return the state of the customers that could not be written.

    It is bad when they are more than a share of all, or when some have failed for hours for a reason that does not lie
    with their data, such as a quota.
    """
    failed = sum(count.results[result] for result in FAILED)
    total = due_in_attio(count.results)
    if failed <= error_share * total and not count.lasting:
        return State(UNRESOLVED_CUSTOMERS, None)
    waiting = (count.lasting or count.longest_waiting)[:NAMED]
    named = "; ".join(f"{_link(look, row)} ({row.reason or row.outcome})" for row in waiting)
    return State(
        UNRESOLVED_CUSTOMERS,
        f"{failed} of {total} customers are rejected or ambiguous. The check every_customer_is_in_attio lists them "
        f"({look.asset_link(look.watched.names.people.asset)}). Those that have waited longest: {named}.",
    )


def many_changes(look: Look, count: Count) -> State:
    """Return the state of the passes that would have changed too many people; well where none waits."""
    if not count.stopped:
        return State(MANY_CHANGES, None)
    newest = max(count.stopped, key=lambda one: one.at)
    named = "; ".join(f"{one.attio_url} ({one.in_words()})" for one in newest.examples[:NAMED])
    known = look.instance.has_run(newest.pass_id)
    see = f" See {look.link(f'runs/{newest.pass_id}')}" if known else ""
    return State(
        MANY_CHANGES,
        f"A pass was stopped before its first write, and its customers wait. {newest.why} Such as {named}. If that is "
        f"meant, run `polar-attio approve {approvals.MANY_CHANGES.name}`, or launch the job with `approve: "
        f"[{approvals.MANY_CHANGES.name}]` in its config; `polar-attio plan` shows every change.{see}",
    )


def _link(look: Look, row: OutcomeRow) -> str:
    in_attio = (row.attio_url or "").split()
    if in_attio:
        return in_attio[0]
    # A row that could not be read may have shown no id.
    known = _ID.fullmatch(row.polar_customer_id)
    return look.watched.polar_link(row.polar_customer_id) if known else "a row of Polar's that shows no id"
