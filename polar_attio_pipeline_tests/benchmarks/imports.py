"""The cases about the first import: how long it takes, what it costs, and the memory of a large one."""

import math
from collections.abc import Iterator

from polar_attio_pipeline_tests.benchmarks.cases import LATENCY, NAIVE_SAMPLE, PACE, UNPACED, naive_rate, new_ledger
from polar_attio_pipeline_tests.benchmarks.figures import Figure
from polar_attio_pipeline_tests.benchmarks.stand import sandbox

_FULL_PACE = {**PACE, "ATTIO_WRITES_PER_SECOND": 25}


def first_import(*, quick: bool) -> Iterator[Figure]:
    """The first import, and the pass after it."""
    people = 60 if quick else 1000
    runs = [(LATENCY, people)] if quick else [(LATENCY, people), (0.3, people)]
    for latency, count in runs:
        yield from _one_import(f"import of {count:,}, {latency:g} s latency", count, latency, _FULL_PACE, quick=quick)
    if not quick:
        yield from _one_import("import of 2,000, default pace", 2000, LATENCY, PACE, mixed=True)


def _one_import(  # keyword-only from here on
    case: str, count: int, latency: float, pace: dict[str, int], *, mixed: bool = False, quick: bool = False
) -> Iterator[Figure]:
    with sandbox(customers=count, mixed=mixed, limits="real", latency=latency) as stand, new_ledger() as database:
        stand.pace(pace)
        first = stand.work("reconcile", database=database)
        requests = stand.requests()
        stand.forget_traffic()
        second = stand.work("reconcile", database=database)
        again = stand.requests()
    with sandbox(customers=count, mixed=mixed, limits="real", latency=latency) as stand:
        rate = naive_rate(stand, sample=20 if quick else NAIVE_SAMPLE)
    written = first["counts"]["created"] + first["counts"].get("updated", 0)
    per_second = pace["ATTIO_WRITES_PER_SECOND"]
    seconds = first["writing_seconds"]
    plain = not mixed
    yield Figure(
        case=case,
        what="writing",
        unit="s",
        ours=seconds,
        target=count / per_second * 1.05 if plain and not quick else None,
        floor=written / per_second,
        naive=rate * count,
        computed=True,
    )
    share = 100 * (written - 1) / seconds / per_second
    yield Figure(
        case=case,
        what="pace kept",
        unit="% of the limiter",
        ours=share,
        target=None if quick else 95,
        at="least",
        floor=100,
    )
    yield Figure(case=case, what="answers 429", ours=requests.throttled, target=0, naive=0)
    yield Figure(case=case, what="writes", ours=requests.writes, floor=written, naive=count)
    yield Figure(
        case=case,
        what="second pass: writes",
        ours=again.writes,
        target=0 if plain else None,
        floor=0,
        naive=count,
        note="" if plain else "addresses that Attio refuses are tried again in each pass",
    )
    yield Figure(
        case=case,
        what="second pass: requests",
        ours=again.total,
        target=20 if plain else None,
        naive=count + math.ceil(count / 100) + 1,
    )
    yield Figure(case=case, what="second pass", unit="s", ours=second["seconds"], naive=rate * count, computed=True)


def large_import(*, quick: bool) -> Iterator[Figure]:
    """A hundred thousand new customers: memory. Run by its name alone, since it takes half an hour.

    The pace decides after how long a pass ends by itself, so it is one that a machine with two cores can nearly keep.
    """
    size = 300 if quick else 100_000
    with sandbox(customers=size) as stand, new_ledger() as database:
        stand.pace({**UNPACED, "ATTIO_WRITES_PER_SECOND": 100})
        done = stand.work("reconcile", database=database)
        seen = stand.requests()
    case = f"import of {size:,}, no limits"
    assert done["counts"]["created"] == size, done
    yield Figure(case=case, what="peak memory", unit="MB", ours=done["megabytes"], target=250)
    yield Figure(case=case, what="writes", ours=seen.writes, target=size, floor=size, naive=size)
    yield Figure(
        case=case,
        what="requests that read",
        ours=seen.total - seen.writes,
        floor=math.ceil(size / 500),
        naive=math.ceil(size / 100) + 1,
    )
    yield Figure(case=case, what="processor time", unit="s", ours=done["cpu"])
