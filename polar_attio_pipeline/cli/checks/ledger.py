"""The ledger: whether a pass could use it, and what it keeps about the installation."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.backup import examine
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.privacy import exposure
from polar_attio_pipeline.ledger.trial import Condition, try_out
from polar_attio_pipeline.passes.installation import recorded_start_date
from polar_attio_pipeline.passes.loaded import LOADED, Load, differences, parse
from polar_attio_pipeline.processes import is_gone, is_here
from polar_attio_pipeline.settings import Settings

PATIENCE = 5.0
"""Seconds to wait for a pass that is writing."""


def ledger(settings: Settings, today: date) -> Iterator[Finding]:
    """Judge whether a pass could use the ledger, by opening it as a pass does, and what depends on it.

    Args:
        settings: What to look at.
        today: The day, UTC, to judge the start date by.
    """
    given = settings.polar_attio_database_url.get_secret_value()
    try:
        place = locate(given)
        condition = try_out(place, patience=PATIENCE)
        usable = condition is Condition.READY
        if usable and place.file:
            # A pass may not come to the page that is damaged before it has written.
            examine(place.file, name=f"The ledger {place.name}")
        facts = Ledger(given, patience=PATIENCE)
        recorded = recorded_start_date(facts) if usable else None
        loads = parse(facts.fact(LOADED)) if usable else []
    except LedgerError as error:
        if settings.polar_attio_start_date:
            yield start_date(settings.polar_attio_start_date, None, today)
        yield Finding("ledger", Level.FAIL, str(error))
        return
    yield start_date(settings.polar_attio_start_date, recorded, today)
    if exposed := exposure(place):
        yield Finding("ledger", Level.WARN, exposed)
    else:
        yield Finding("ledger", Level.OK, f"{place.name} ({condition.value})" if condition.value else place.name)
    yield from running(loads, settings)


def start_date(given: date | None, recorded: date | None, today: date) -> Finding:
    """Judge the first day of the hourly partitions, and say where it comes from.

    Args:
        given: By the setting.
        recorded: By the ledger.
        today: The day, UTC.
    """
    if given is None:
        text = (
            f"Hours since {recorded}, UTC: the day of the first load, as the ledger keeps it."
            if recorded
            else "Hours will begin on the day, UTC, on which Dagster first loads the pipeline; "
            "POLAR_ATTIO_START_DATE is not set."
        )
        return Finding("start date", Level.OK, text)
    if given > today:
        return Finding(
            "start date", Level.WARN, f"POLAR_ATTIO_START_DATE is {given}: no hour is synced before that day."
        )
    return Finding("start date", Level.OK, f"Hours since {given}, UTC, as POLAR_ATTIO_START_DATE says.")


def running(loads: Sequence[Load], settings: Settings) -> Iterator[Finding]:
    """Compare these settings with those that the processes of this machine have loaded.

    Args:
        loads: What is on record; processes of other machines cannot be seen from here and are left out.
        settings: Those in force now.
    """
    here = [load for load in loads if is_here(load.process) and not is_gone(load.process)]
    changed = {load.process: names for load in here if (names := list(differences(load, settings)))}
    if changed:
        every = dict.fromkeys(name for names in changed.values() for name in names)
        yield Finding(
            "running",
            Level.WARN,
            f"Dagster runs with other values of {', '.join(every)} ({_processes(changed)}): restart it to use those of "
            "now.",
        )
    elif here:
        yield Finding("running", Level.OK, f"Dagster runs with these settings ({_processes([here[0].process])}).")


def _processes(tags: Iterable[str]) -> str:
    return ", ".join(f"process {json.loads(tag)['pid']}" for tag in tags)
