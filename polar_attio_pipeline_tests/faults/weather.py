"""The faults of a schedule: drawn by its seed, and counted as they strike."""

from collections import Counter
from random import Random
from typing import Any

from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind

SERVICES = ("polar", "attio")
RETRY_AFTER_SECONDS = (1, 2, 5, 20, 60, 90, 119, 121, 300)
SKEW_MINUTES = (-5, 5)
_FINAL = (Kind.REVOKED, Kind.REFUSE, Kind.EMPTY_LIST)
"""Kinds that are not drawn as rain: what a service says then, it means."""


class CountedFaults(Faults):
    """Faults that remember what they did, and of which some stay.

    Attributes:
        struck: How many requests each kind befell.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.struck: Counter[str] = Counter()
        self._lasting: list[Fault] = []

    def add_lasting(self, fault: Fault) -> None:
        """Switch a fault on that stays until it is mended."""
        self._lasting.append(fault)
        self.add(fault)

    def clear(self) -> None:
        """Switch off what passes."""
        super().clear()
        for fault in self._lasting:
            self.add(fault)

    def mend(self) -> None:
        """Switch off what stays, and all else."""
        self._lasting.clear()
        self.clear()

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        struck = super().strike(service, method, path, text)
        self.struck.update(map(label, struck))
        return struck


def label(fault: Fault) -> str:
    """Say what a fault is, as the table does."""
    if fault.kind is Kind.TOO_MANY:
        form = {"seconds": "seconds", "date": "a date", "absent": "nothing"}[fault.retry_after or "absent"]
        return f"429, Retry-After {form}"
    if fault.kind is Kind.STATUS:
        return f"{fault.status}" + (f", Retry-After {fault.retry_after}" if fault.retry_after else "")
    return _NAMES[fault.kind]


_NAMES = {
    Kind.LATENCY: "slow service",
    Kind.CLOCK_SKEW: "answers dated five minutes off",
    Kind.RESET: "connection reset",
    Kind.HANG: "no answer",
    Kind.CUT_BODY: "body cut",
    Kind.SLOW_BODY: "slow body",
    Kind.LOST_ANSWER: "applied, answer lost",
    Kind.REVOKED: "token revoked",
    Kind.REFUSE: "403",
    Kind.EMPTY_LIST: "empty list",
}


def draw(random: Random) -> list[Fault]:
    """Draw the weather of some hours: clear, rain here and there, or a service that is down."""
    kind = random.random()
    if kind < 0.1:
        return []
    if kind < 0.25:
        return [_outage(random, service) for service in random.sample(SERVICES, random.choice((1, 1, 2)))]
    return [_rain(random) for _ in range(random.randint(1, 4))]


def draw_empty_list(random: Random) -> Fault:
    """Draw that one of Polar's lists comes with nothing in it, once or twice."""
    return Fault(kind=Kind.EMPTY_LIST, service="polar", times=random.randint(1, 2), skip=random.choice((0, 1, 4, 12)))


def _outage(random: Random, service: str) -> Fault:
    kind = random.choice((Kind.RESET, Kind.HANG, Kind.STATUS, Kind.TOO_MANY))
    times = random.choice((None, None, random.randint(5, 60)))
    return Fault.model_validate({**_details(random), "kind": kind, "service": service, "times": times})


def _rain(random: Random) -> Fault:
    kind = random.choice([kind for kind in Kind if kind not in _FINAL])
    service = random.choice((*SERVICES, "attio", None))
    writes = service == "attio" and random.random() < 0.5
    return Fault.model_validate(
        {
            **_details(random),
            "kind": kind,
            "service": service,
            "method": random.choice(("POST", "PATCH")) if writes else "*",
            "path": random.choice(("*/records", "*/records/*")) if writes else "*",
            "probability": random.choice((0.05, 0.2, 0.5, 0.8, 1)),
            "times": random.choice((None, None, 3, 10, 40)),
            "skip": random.choice((0, 0, random.randint(1, 20))),
        }
    )


def _details(random: Random) -> dict[str, Any]:
    return {
        "seconds": random.choice((0.3, 2, 20, 70)),
        "jitter": random.choice((0, 2)),
        "status": random.choice((500, 502, 503, 503)),
        "retry_after": random.choice(("seconds", "date", "absent")),
        "retry_after_seconds": random.choice(RETRY_AFTER_SECONDS),
        "lost": random.choice(("reset", "503")),
        "skew_minutes": random.choice(SKEW_MINUTES),
    }
