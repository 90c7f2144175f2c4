"""Sensor `alerts`: judges each state by itself and tells the channels what has changed; the rules are in `notices`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.channels import Notice, deliver, fingerprint
from polar_attio_pipeline.defs import dagster_private
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource, given
from polar_attio_pipeline.defs.sensors import hour_states, other_states, service_states
from polar_attio_pipeline.defs.sensors.alert_cursor import AlertCursor, dump, load
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
    notices,
    remember,
)
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.http.redaction import redact

CHANNEL_SECONDS = 10
"""So long a tick waits for all channels together; apprise itself gives most of them up after 8."""

NEW_FOR = timedelta(minutes=15)
"""In an instance that is watched for so short a time, hours that lie behind are no news: the sensor fills them now."""

TICKS_LOOKED_AT = 60
"""Evaluations of a sensor that looks at Polar: half an hour of them at the default interval."""


def build_alerts_sensor(watched: Watched, *, urls: Sequence[str], seconds: int) -> dg.SensorDefinition:
    """Return the sensor that tells people when something turns bad, and when it is over."""
    names = watched.names

    @dg.sensor(
        name=names.of("alerts"),
        required_resource_keys={names.of("ledger"), names.of("options")},
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if urls else dg.DefaultSensorStatus.STOPPED,
        description="Tells the channels of POLAR_ATTIO_ALERT_URLS once when hours fail or are overdue, a "
        "reconciliation fails or is late, a pass over companies fails, the ledger cannot be read, too many customers "
        "are not in Attio, a pass would change too many people, Polar cannot be watched, or a token, a scope or an "
        "attribute keeps a service from being used, and once when that is over. Its cursor holds what was announced on "
        "each channel.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        options = given(context.resources, names.of("options"), PassOptions)
        judge = _Judge(context, Look(context.instance, watched, datetime.now(UTC)))
        states = list(judge.states(ledger, options))
        announced, said = _announce(names.prefix, urls, states, judge.cursor)
        unjudged = f" Not judged in this tick: {', '.join(judge.unjudged)}." if judge.unjudged else ""
        return dg.SensorResult(skip_reason=said + unjudged, cursor=dump(replace(judge.cursor, announced=announced)))

    return alerts


class _Judge:
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
        answer = other_states.ask(ledger, self._look.now)
        yield answer if isinstance(answer, State) else State(LEDGER, None)
        rules: dict[str, Callable[[], State | None]] = {
            FAILING_HOURS: self._failing_hours,
            OVERDUE_HOURS: lambda: self._overdue_hours(answer),
            RECONCILIATION: lambda: other_states.reconciliation(self._look, self.cursor.watching_since),
            COMPANIES: lambda: other_states.companies(self._look),
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

    def _overdue_hours(self, answer: other_states.Count | State) -> State | None:
        waiting = frozenset() if isinstance(answer, State) else answer.waiting_hours()
        state, complete_until = hour_states.overdue_hours(self._look, self.cursor.complete_until, waiting=waiting)
        self.cursor = replace(self.cursor, complete_until=complete_until)
        is_new = self._look.now - self.cursor.watching_since < NEW_FOR
        return None if is_new and state and state.problem else state

    def _customers(self, answer: other_states.Count | State, options: PassOptions) -> State | None:
        if isinstance(answer, State):
            return None
        return other_states.unresolved_customers(self._look, answer, error_share=options.failed_error_share)

    def _many_changes(self, answer: other_states.Count | State) -> State | None:
        return None if isinstance(answer, State) else other_states.many_changes(self._look, answer)

    def _sensor(self, name: str, looks_for: str) -> State | None:
        location, known_as = dagster_private.location_name(self._context), self._look.watched.names.of(name)
        ticks = dagster_private.sensor_ticks(self._look.instance, known_as, location=location, limit=TICKS_LOOKED_AT)
        return other_states.sensor_ticks(self._look, ticks, name=name, looks_for=looks_for)


def _announce(
    pipeline: str, urls: Sequence[str], states: Sequence[State], cursor: AlertCursor
) -> tuple[dict[str, dict[str, str]], str]:
    """Send what is due to each channel; return what was announced on each, and what to say of it in the UI."""
    known = {url: cursor.announced.get(fingerprint(url), {}) for url in urls}
    due = [(url, _of(pipeline, batch)) for url in urls if (batch := notices(known[url], states))]
    deliveries = deliver(due, seconds=CHANNEL_SECONDS)
    taken = {url: delivery.taken for (url, _), delivery in zip(due, deliveries, strict=True)}
    announced = {fingerprint(url): remember(known[url], taken.get(url, ())) for url in urls}
    titles = sorted({notice.title for batch in taken.values() for notice in batch})
    said = f"Sent: {', '.join(titles)}." if titles else "There is nothing to announce."
    refused = sum(len(taken[url]) < len(batch) for url, batch in due)
    if refused:
        said = f"{refused} of {len(urls)} channels did not take a notice and will get it later. {said}"
    return announced, said


def _of(pipeline: str, batch: Sequence[Notice]) -> list[Notice]:
    return [replace(notice, pipeline=pipeline) for notice in batch]
