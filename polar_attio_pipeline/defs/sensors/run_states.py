"""Two of the states that `alerts` watches, by the runs on record: the reconciliation, and the pass over companies."""

from datetime import datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs.dagster_private import last_cron_time
from polar_attio_pipeline.defs.runs import UNDER_WAY, began_at, cause_of, runs_of
from polar_attio_pipeline.defs.sensors.notices import COMPANIES, RECONCILIATION, State
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.defs.stopped import waits_for_changes

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


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
