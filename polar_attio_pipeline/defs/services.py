"""Whether both services can be used now: a few cheap requests to each, and what came of them as a verdict."""

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.defs.resources import AttioResource, PolarResource
from polar_attio_pipeline.http.errors import ApiError, TransientError
from polar_attio_pipeline.http.redaction import redact
from polar_attio_pipeline.http.retries import RetryPolicy

ANSWER_SECONDS = 10
"""No service is waited for longer."""

ANSWERS = "answers"
"""Metadata of a verdict, 1 or 0: a service that is down or throttles answers again by itself, a bad token does not."""

USABLE = "usable"
"""Metadata of a verdict, 1 or 0, so that its plot shows when a service could not be used."""

ATTRIBUTES_WRITTEN = "attributes written"
"""Metadata of a verdict on Attio: the keys of the attributes that the sync writes."""

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=ANSWER_SECONDS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a service can be used.

    Attributes:
        problem: What is wrong and what to do; None if all is well.
        severe: Whether no run can work until that is over.
        well: What to say where all is well.
        metadata: Numbers, the same ones each time.
    """

    problem: str | None
    severe: bool = False
    well: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def result(self, check: dg.AssetCheckKey) -> dg.AssetCheckResult:
        """Return the result of a check."""
        return dg.AssetCheckResult(**self._fields(check))

    def evaluation(self, check: dg.AssetCheckKey) -> dg.AssetCheckEvaluation:
        """Return the same as an event that a sensor may report."""
        return dg.AssetCheckEvaluation(**self._fields(check))

    def _fields(self, check: dg.AssetCheckKey) -> dict[str, Any]:
        return {
            "asset_key": check.asset_key,
            "check_name": check.name,
            "passed": self.problem is None,
            "severity": dg.AssetCheckSeverity.ERROR if self.severe else dg.AssetCheckSeverity.WARN,
            "description": self.problem or self.well,
            "metadata": self.metadata,
        }


async def look_at_polar(polar: PolarResource) -> Verdict:
    """Ask Polar for one customer."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(ANSWER_SECONDS), polar.client(retry=_ONE_TRY) as client:
            await client.newest(limit=1)
    except (ApiError, TimeoutError) as error:
        return _failed("Polar", error)
    return Verdict(
        None,
        well="Polar answers, and the token may read customers.",
        metadata={USABLE: 1, ANSWERS: 1, **_milliseconds(began)},
    )


async def look_at_attio(attio: AttioResource, *, before: Collection[str]) -> Verdict:
    """Ask Attio whose key it is and which attributes People has.

    Args:
        attio: The connection.
        before: The keys of the attributes that the sync has written so far: an optional one that was renamed in Attio
            is missed by no run, and its values would just get old.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(ANSWER_SECONDS), attio.client(retry=_ONE_TRY) as client:
            workspace = client.workspace
    except (ApiError, TimeoutError) as error:
        failed = _failed("Attio", error)
        return replace(failed, metadata={**failed.metadata, ATTRIBUTES_WRITTEN: dg.JsonMetadataValue(sorted(before))})
    written = {target.attribute.key for target in workspace.targets}
    described = [problem.text for problem in workspace.problems]
    known = set(re.findall(r"\w+", " ".join(described)))
    # An older version of this program may have written one that this one does not know.
    missing = sorted({*before} & attio.slugs.keys() - written)
    lost = [key for key in missing if attio.slugs[key] not in known]
    described += [_lost(workspace.attio_object, attio.slugs[key], key) for key in lost]
    return Verdict(
        " ".join(described) or None,
        well=f"Attio answers, and {len(written)} of {len(workspace.attio_object.attributes)} attributes are written.",
        metadata={
            USABLE: 1,
            ANSWERS: 1,
            **_milliseconds(began),
            "number of attributes": len(written),
            ATTRIBUTES_WRITTEN: dg.JsonMetadataValue(sorted({*written, *lost})),
        },
    )


def _lost(attio_object: AttioObject, slug: str, key: str) -> str:
    return (
        f"Attio's {attio_object.title} attribute {slug} was there and is not any more, so it is not written: if it has "
        f"another slug now, {attio_object.advice(key, 'that one')}; if it is not wanted any more, execute this check "
        "once by hand."
    )


def _failed(service: str, error: ApiError | TimeoutError) -> Verdict:
    said = redact(str(error)) or f"{service} did not answer within {ANSWER_SECONDS} seconds."
    passing = isinstance(error, TransientError | TimeoutError)
    return Verdict(said, severe=not passing, metadata={USABLE: 0, ANSWERS: 0 if passing else 1})


def _milliseconds(began: float) -> dict[str, int]:
    return {"milliseconds": round(1000 * (time.monotonic() - began))}
