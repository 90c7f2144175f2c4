"""One of the states that `alerts` watches: a token, a scope or an attribute that keeps a service from being used."""

from datetime import datetime

import dagster as dg

from polar_attio_pipeline.defs.checks import attio_check, polar_check
from polar_attio_pipeline.defs.dagster_private import newest_evaluation
from polar_attio_pipeline.defs.runs import sentence
from polar_attio_pipeline.defs.sensors.notices import SERVICES, State
from polar_attio_pipeline.defs.sensors.service_checks import REPEATED_AFTER
from polar_attio_pipeline.defs.sensors.watching import Look
from polar_attio_pipeline.defs.services import ANSWERS
from polar_attio_pipeline.http.redaction import redact

OLD_AFTER = 2 * REPEATED_AFTER
"""A verdict that was not repeated for so long says nothing: the sensor that repeats it is off."""


def services(look: Look) -> State | None:
    """Return the state of both services as their checks have it; None while that cannot be judged.

    A service that is down or throttles answers again by itself, so it is no problem here: what fails because of it for
    long has states of its own.
    """
    names = look.watched.names
    problems: list[str] = []
    unknown = False
    for check in (polar_check(names), attio_check(names)):
        newest = newest_evaluation(look.instance, check)
        if newest is None or _is_unknown(newest, look.now):
            unknown = True
        elif not newest[1].passed:
            place = look.link(f"assets/{'/'.join(check.asset_key.path)}?view=checks")
            problems.append(
                f"{sentence(redact(newest[1].description or ''))} The check {check.name} says so ({place})."
            )
    if not problems and unknown:
        return None
    return State(SERVICES, " ".join(problems) or None)


def _is_unknown(newest: tuple[datetime, dg.AssetCheckEvaluation], now: datetime) -> bool:
    at, evaluation = newest
    answers = evaluation.metadata.get(ANSWERS)
    is_down = isinstance(answers, dg.IntMetadataValue) and not answers.value
    return is_down or now - at > OLD_AFTER
