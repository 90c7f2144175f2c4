"""Judges every state that `alerts` watches, each by itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from polar_attio_pipeline.defs import dagster_private
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors import hour_states, ledger_states, run_states, service_states, tick_states
from polar_attio_pipeline.defs.sensors.alert_cursor import load
from polar_attio_pipeline.defs.sensors.notices import (
    CHANGES,
    COMPANIES,
    FAILING_HOURS,
    LEDGER,
    MANY_CHANGES,
    OVERDUE_HOURS,
    RECONCILIATION,
    SENSOR,
    SERVICES,
    UNRESOLVED_CUSTOMERS,
    State,
)
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.http.redaction import redact

NEW_FOR = timedelta(minutes=15)
"""In an instance that is watched for so short a time, hours that lie behind are no news: the sensor fills them now."""

TICKS_LOOKED_AT = 60
"""Evaluations of a sensor that looks at Polar: half an hour of them at the default interval."""


class Judge:
    """Judges the states of one tick; one that cannot be judged stays as it was announced, and harms no other.

    Attributes:
        cursor: With what the states remember.
        unjudged: Names of the states that could not be judged.
    """

    def __init__(self, context: dg.SensorEvaluationContext, look: Look) -> None:
        self._context = context
        self._look = look
        self.cursor = load(context.cursor, start=look.watched.start, now=look.now)
        self.unjudged: list[str] = []

    def states(self, ledger: LedgerResource, options: PassOptions) -> Iterator[State]:
        """Judge every state."""
        answer = ledger_states.ask(ledger, self._look.now)
        yield answer if isinstance(answer, State) else State(LEDGER, None)
        rules: dict[str, Callable[[], State | None]] = {
            FAILING_HOURS: self._failing_hours,
            OVERDUE_HOURS: lambda: self._overdue_hours(answer),
            RECONCILIATION: lambda: run_states.reconciliation(self._look, self.cursor.watching_since),
            COMPANIES: lambda: run_states.companies(self._look),
            UNRESOLVED_CUSTOMERS: lambda: self._customers(answer, options),
            SENSOR: lambda: self._sensor(SENSOR, "new customers"),
            CHANGES: lambda: self._sensor(CHANGES, "changes of customers"),
            SERVICES: lambda: service_states.services(self._look),
            MANY_CHANGES: lambda: self._many_changes(answer),
        }
        for name, rule in rules.items():
            try:
                state = rule()
            except Exception as error:  # noqa: BLE001  # the failure of one state harms no other
                self._context.log.warning("%s: not judged, %s: %s", name, type(error).__name__, redact(str(error)))
                state = None
            if state is None:
                self.unjudged.append(name)
            else:
                yield state

    def _failing_hours(self) -> State:
        state, failing = hour_states.failing_hours(self._look, self.cursor.failing)
        self.cursor = replace(self.cursor, failing=failing)
        return state

    def _overdue_hours(self, answer: ledger_states.Count | State) -> State | None:
        waiting = frozenset() if isinstance(answer, State) else answer.waiting_hours()
        state, complete_until = hour_states.overdue_hours(self._look, self.cursor.complete_until, waiting=waiting)
        self.cursor = replace(self.cursor, complete_until=complete_until)
        is_new = self._look.now - self.cursor.watching_since < NEW_FOR
        return None if is_new and state and state.problem else state

    def _customers(self, answer: ledger_states.Count | State, options: PassOptions) -> State | None:
        if isinstance(answer, State):
            return None
        return ledger_states.unresolved_customers(self._look, answer, error_share=options.failed_error_share)

    def _many_changes(self, answer: ledger_states.Count | State) -> State | None:
        return None if isinstance(answer, State) else ledger_states.many_changes(self._look, answer)

    def _sensor(self, name: str, looks_for: str) -> State | None:
        location, known_as = dagster_private.location_name(self._context), self._look.watched.names.of(name)
        ticks = dagster_private.sensor_ticks(self._look.instance, known_as, location=location, limit=TICKS_LOOKED_AT)
        return tick_states.sensor_ticks(self._look, ticks, name=name, looks_for=looks_for)
