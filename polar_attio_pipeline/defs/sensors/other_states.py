"""The states that `alerts` watches beside hours: the reconciliation, the ledger, the customers, the sensor's ticks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import dagster as dg

from polar_attio_pipeline.defs.bounded import within
from polar_attio_pipeline.defs.dagster_private import Tick, last_cron_time
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.runs import UNDER_WAY, began_at, cause_of, runs_of, sentence
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import (
    COMPANIES,
    LEDGER,
    MANY_CHANGES,
    RECONCILIATION,
    UNRESOLVED_CUSTOMERS,
    State,
)
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.defs.stopped import waits_for_changes
from polar_attio_pipeline.http.redaction import redact
from polar_attio_pipeline.ledger import LedgerError, OutcomeRow
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.trial import try_out
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import StoppedPass
from polar_attio_pipeline.passes.hourly import HOURLY
from polar_attio_pipeline.sync.outcomes import FAILED, NOT_BY_DATA, Result, due_in_attio

LEDGER_PATIENCE = 4.0
"""Seconds that a tick waits for writers of the ledger: their transactions are short."""

LEDGER_SECONDS = 5.0
"""Seconds that it waits for the ledger in all: one that does not answer at all has a disk or a server that is ill."""

BLIND_FOR = timedelta(minutes=15)
"""So long a sensor may be unable to look at Polar: a service that is down for a moment is no news."""

LASTING_FOR = timedelta(hours=3)
"""A write that fails so long does not pass by itself: a quota, a poisoned record, a scope."""

NAMED = 3
"""Customers that a notice names."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


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


def reconciliation(look: Look, watching_since: datetime) -> State | None:
    """Return the state of the reconciliation; None while one that is late is under way.

    Args:
        look: The look that is taken.
        watching_since: From when on one that never succeeded is late.
    """
    names, automation = look.watched.names, look.link("automation")
    target, schedule = names.reconciliation, names.of("scheduled_reconciliation")
    ended = runs_of(look.instance, target, _ENDED)
    if ended and waits_for_changes(ended[0].dagster_run):
        return State(RECONCILIATION, None)
    if ended and ended[0].dagster_run.status is dg.DagsterRunStatus.FAILURE:
        run_id = ended[0].dagster_run.run_id
        return State(
            RECONCILIATION,
            f"The newest reconciliation failed. It says: {cause_of(look.instance, run_id)} See "
            f"{look.link(f'runs/{run_id}')} and, for when it is tried again, the schedule {schedule} ({automation}).",
        )
    cron = look.watched.cron
    before_last = last_cron_time(cron, last_cron_time(cron, look.now) - timedelta(seconds=1))
    newest = began_at(ended[0]) if ended else watching_since
    if newest >= before_last:
        return State(RECONCILIATION, None)
    if runs_of(look.instance, target, UNDER_WAY):
        return None
    last = f"since {newest:%Y-%m-%d %H:%M} UTC" if ended else "yet"
    return State(
        RECONCILIATION,
        f"No reconciliation has succeeded {last}, although two were due: see that Dagster's daemon runs and that the "
        f"schedule {schedule} is on ({automation}), or launch {target.job} by hand.",
    )


def companies(look: Look) -> State:
    """Return the state of the pass over companies; well where companies are not kept."""
    names = look.watched.names
    ended = runs_of(look.instance, names.companies, _ENDED) if look.watched.with_companies else []
    if not ended or ended[0].dagster_run.status is not dg.DagsterRunStatus.FAILURE:
        return State(COMPANIES, None)
    run_id = ended[0].dagster_run.run_id
    return State(
        COMPANIES,
        f"The newest pass over companies failed. It says: {cause_of(look.instance, run_id)} See "
        f"{look.link(f'runs/{run_id}')} and, for when it is tried again, the schedule "
        f"{names.of('company_sync_after_reconciliation')} ({look.link('automation')}).",
    )


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


def sensor_ticks(look: Look, ticks: Sequence[Tick], *, name: str, looks_for: str) -> State | None:
    """Return the state of a sensor that looks at Polar; None when it is stopped or was never evaluated.

    Args:
        look: The look that is taken.
        ticks: Its evaluations, the newest first.
        name: Of the sensor, without prefix, and of the state.
        looks_for: What it looks for, in words.
    """
    if not ticks:
        return None
    blind = list(takewhile(_is_blind, ticks))
    if not blind or look.now - blind[-1].at < BLIND_FOR:
        return State(name, None)
    said = (blind[0].said or "").removesuffix(CURSOR_KEPT).strip()
    why = sentence(redact(said) or "Its evaluation raises an error")
    return State(
        name,
        f"The sensor {look.watched.names.of(name)} has not been able to look for {looks_for} at least since "
        f"{blind[-1].at:%Y-%m-%d %H:%M} UTC. {why} See its ticks ({look.link('automation')}).",
    )


def _is_blind(tick: Tick) -> bool:
    return tick.failed or (tick.said or "").endswith(CURSOR_KEPT)
