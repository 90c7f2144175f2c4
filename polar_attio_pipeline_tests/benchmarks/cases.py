"""The cases about the two services: what is asked of them, how long it takes, how much memory it takes.

Requests are those that the sandbox counted. Times at the real limits are of the sandbox's real limits, with the default
pace unless a case says otherwise.
"""

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline_tests.benchmarks.figures import Figure
from polar_attio_pipeline_tests.benchmarks.stand import Stand, sandbox

LATENCY = 0.1
"""Seconds that each answer takes longer, unless a case is about another latency."""

PACE = {"POLAR_REQUESTS_PER_MINUTE": 300, "ATTIO_READS_PER_SECOND": 50, "ATTIO_WRITES_PER_SECOND": 20}
"""The defaults."""

UNPACED = {"POLAR_REQUESTS_PER_MINUTE": 1_000_000, "ATTIO_READS_PER_SECOND": 10_000, "ATTIO_WRITES_PER_SECOND": 10_000}

NAIVE_SAMPLE = 150
WINDOW_SECONDS = 61
_OLD_HOURS = 12


def naive_rate(stand: Stand, *, sample: int = NAIVE_SAMPLE) -> float:
    """Return how many seconds the naive way takes for each customer, its share of the listing included."""
    done = stand.work("naive", most=sample)
    return float(done["seconds"]) / float(done["written"])


HOURS_UNTIL_SOMEBODY = 200
"""Within so many hours every book has a customer."""


def hours(*, quick: bool) -> Iterator[Figure]:
    """Hours in books of several sizes: quiet, with five new people, and old."""
    for size in [1000] if quick else [1000, 10_000, 100_000]:
        case = f"hour, {size:,} customers"
        naive = size + math.ceil(size / 100) + 1
        with sandbox(customers=size, synced=True) as stand, new_ledger() as database:
            stand.pace(UNPACED)
            now = floor(datetime.now(UTC))
            ahead = (now + HOUR).isoformat()
            # The very first pass of an installation asks for some customers once, to put the organization on record.
            for hour in range(HOURS_UNTIL_SOMEBODY):
                earlier = (now - HOUR * hour).isoformat()
                if any(stand.work("hours", database=database, first=earlier, last=earlier)["counts"].values()):
                    break
            stand.forget_traffic()
            stand.work("hours", database=database, first=ahead, last=ahead)
            quiet = stand.requests()
            yield Figure(
                case=case,
                what="quiet: requests to Polar",
                ours=quiet.polar,
                target=2,
                floor=1,
                naive=size // 100 + 1,
                size=size,
            )
            yield Figure(case=case, what="quiet: requests to Attio", ours=quiet.attio, floor=0, naive=size, size=size)
            stand.add_customers(5, prefix="new", created_at=(now + HOUR + timedelta(minutes=30)).isoformat())
            stand.forget_traffic()
            done = stand.work("hours", database=database, first=ahead, last=ahead)
            fresh = stand.requests()
            assert done["counts"]["created"] == 5, done
            yield Figure(
                case=case,
                what="5 new: requests to Polar",
                ours=fresh.polar,
                # Beside the two of a quiet hour: their subscriptions and their orders.
                target=4,
                floor=3,
                naive=size // 100 + 1,
                size=size,
            )
            yield Figure(
                case=case, what="5 new: writes", ours=fresh.writes, target=5, floor=5, naive=size + 5, size=size
            )
            yield Figure(
                case=case, what="5 new: requests in all", ours=fresh.total, floor=9, naive=naive + 5, size=size
            )
            worst = 0
            for step in range(2 if quick else _OLD_HOURS):
                stand.forget_traffic()
                stand.work("read", hour=(now - timedelta(days=3 + 15 * step)).isoformat())
                worst = max(worst, stand.requests().polar)
            allowed = 2 * math.log2(size / 100) + 4
            yield Figure(
                case=case,
                what="old: requests to Polar, the worst",
                ours=worst,
                target=allowed,
                naive=math.ceil(size / 100) + 1,
                size=size,
                note="the naive way lists all customers",
            )


CUSTOMERS = ("customers:read",)
"""A workspace with the attributes of customers alone."""

WITH_SUBSCRIPTIONS = (*CUSTOMERS, "subscriptions:read")


def reconciliation(*, quick: bool) -> Iterator[Figure]:
    """All customers, without what they pay: unchanged, and with one customer in a hundred changed."""
    for size in [500] if quick else [1000, 10_000, 100_000]:
        case = f"reconciliation of {size:,}"
        with sandbox(customers=size, scopes=CUSTOMERS, synced=True) as stand, new_ledger() as database:
            rate = _unchanged_before(stand, database, quick=quick)
            most = {"most_requests": 210, "most_seconds": 30} if size == 100_000 else {}
            for figure in _unchanged(stand, database, case, size, rate=rate, **most):
                yield replace(figure, size=size)
            if size >= 100_000:
                stand.control("DELETE", "/faults")
                stand.control("POST", "/limits", {"scale": "off"})
                stand.pace(UNPACED)
            changed = stand.rename(size // 100)
            stand.forget_traffic()
            done = stand.work("reconcile", database=database)
            seen = stand.requests()
            assert done["counts"]["updated"] == changed, done
            yield Figure(
                case=case,
                what="1 % changed: writes",
                ours=seen.writes,
                target=changed,
                floor=changed,
                naive=size,
                size=size,
            )
            yield Figure(
                case=case,
                what="1 % changed: requests",
                ours=seen.total,
                naive=size + math.ceil(size / 100) + 1,
                size=size,
            )


def paying(*, quick: bool) -> Iterator[Figure]:
    """All customers, a fifth of whom have a subscription, unchanged; the token may not read orders."""
    size = 500 if quick else 100_000
    subscriptions = size // 5
    case = f"reconciliation of {size:,}, {subscriptions:,} subscriptions"
    with (
        sandbox(customers=size, subscriptions=subscriptions, scopes=WITH_SUBSCRIPTIONS, synced=True) as stand,
        new_ledger() as database,
    ):
        stand.control("POST", "/tokens", {"service": "polar", "scopes": [*WITH_SUBSCRIPTIONS, "organizations:read"]})
        rate = _unchanged_before(stand, database, quick=quick)
        # The export, subscriptions, people, and a handful: token, attributes, options, counts, what came meanwhile.
        few = 1 + subscriptions // 100 + size // 500 + 15
        most = {} if quick else {"most_requests": few, "most_seconds": 60}
        yield from _unchanged(stand, database, case, size, subscriptions=subscriptions, rate=rate, **most)


def _unchanged_before(stand: Stand, database: str, *, quick: bool) -> float:
    """Put a complete reading on record, set limits, latency and pace, and return the naive way's rate."""
    stand.pace(UNPACED)
    # A first import reads pages, which say the type; from then on there is a complete reading on record.
    done = stand.work("reconcile", database=database)
    assert done["counts"].keys() <= {"unchanged"}, done
    if not quick:
        stand.control("POST", "/limits", {"scale": "real"})
        stand.control("POST", "/faults", {"kind": "latency", "seconds": LATENCY})
        stand.pace(PACE)
        # Polar's limit also counts what has come in the minute before.
        time.sleep(WINDOW_SECONDS)
    return naive_rate(stand, sample=20 if quick else NAIVE_SAMPLE)


def _unchanged(  # keyword-only, but for what every case has
    stand: Stand,
    database: str,
    case: str,
    size: int,
    *,
    rate: float,
    subscriptions: int = 0,
    most_requests: int | None = None,
    most_seconds: float | None = None,
) -> Iterator[Figure]:
    """Reconcile once and yield what it took."""
    stand.forget_traffic()
    done = stand.work("reconcile", database=database)
    seen = stand.requests()
    pages, listed = math.ceil(size / 500), math.ceil(subscriptions / 100)
    least = max(pages / PACE["ATTIO_READS_PER_SECOND"], listed / PACE["POLAR_REQUESTS_PER_MINUTE"] * 60)
    every = size + math.ceil(size / 100) + 1
    yield Figure(
        case=case,
        what="unchanged: requests",
        ours=seen.total,
        target=most_requests,
        floor=1 + pages + listed,
        naive=every,
    )
    yield Figure(case=case, what="unchanged: requests to Attio", ours=seen.attio, floor=pages, naive=size)
    yield Figure(case=case, what="unchanged: writes", ours=seen.writes, target=0, floor=0, naive=size)
    yield Figure(
        case=case,
        what="unchanged",
        unit="s",
        ours=done["seconds"],
        target=most_seconds,
        floor=least,
        naive=rate * size,
        computed=True,
    )
    yield Figure(case=case, what="unchanged: processor time", unit="s", ours=done["cpu"])
    yield Figure(case=case, what="peak memory", unit="MB", ours=done["megabytes"], target=300)


def million(*, quick: bool) -> Iterator[Figure]:
    """A million unchanged customers: memory. Run by its name alone, since it takes long."""
    size = 1000 if quick else 1_000_000
    with sandbox(customers=size, scopes=CUSTOMERS, synced=True) as stand, new_ledger() as database:
        stand.pace(UNPACED)
        stand.work("reconcile", database=database)
        stand.forget_traffic()
        done = stand.work("reconcile", database=database)
        seen = stand.requests()
    case = f"reconciliation of {size:,}"
    yield Figure(case=case, what="peak memory", unit="MB", ours=done["megabytes"], target=600, size=size)
    yield Figure(
        case=case,
        what="unchanged: requests",
        ours=seen.total,
        floor=1 + math.ceil(size / 500),
        naive=size + math.ceil(size / 100) + 1,
        size=size,
    )
    yield Figure(case=case, what="unchanged: processor time", unit="s", ours=done["cpu"], size=size)


def backfill(*, quick: bool) -> Iterator[Figure]:
    """The 72 hours after an outage of three days, in a 10,000 customers."""
    size, span = (300, 6) if quick else (10_000, 72)
    case = f"backfill of {span} hours, {size:,} customers"
    with sandbox(customers=size) as stand, new_ledger() as database:
        stand.pace(UNPACED)
        last = floor(datetime.now(UTC))
        first = last - HOUR * (span - 1)
        done = stand.work("hours", database=database, first=first.isoformat(), last=last.isoformat())
        seen = stand.requests()
    new = done["counts"]["created"]
    yield Figure(
        case=case,
        what="requests to Polar",
        ours=seen.polar,
        floor=math.ceil(new / 100),
        naive=math.ceil(size / 100) + 1,
    )
    yield Figure(case=case, what="writes", ours=seen.writes, target=new, floor=new, naive=size)
    yield Figure(case=case, what="requests to Attio that read", ours=seen.attio - seen.writes, naive=0)


def lookups(*, quick: bool) -> Iterator[Figure]:
    """People found by id and address, by how many keys go into one search."""
    people = 200 if quick else 1000
    with sandbox(customers=people, synced=True, limits="real", latency=0 if quick else LATENCY) as stand:
        stand.pace(UNPACED if quick else PACE)
        for batch in [400] if quick else [1, 50, 100, 200, 400, 800]:
            count = people if batch > 1 else 100
            done = stand.work("look_up", batch=batch, customers=count)
            case = f"lookup of {count:,}, {batch} keys a search"
            assert done["found"] == count, done
            yield Figure(case=case, what="requests", ours=done["requests"], naive=count)
            yield Figure(case=case, what="time", unit="s", ours=done["seconds"], naive=count * LATENCY, computed=True)


@contextmanager
def new_ledger() -> Iterator[str]:
    """Yield the path of a ledger of its own for a case."""
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "ledger.db")
