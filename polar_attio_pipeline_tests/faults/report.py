"""What a run of the suite came to, as tables in Markdown."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from polar_attio_pipeline_tests.faults.account import Account
from polar_attio_pipeline_tests.faults.bounds import Length
from polar_attio_pipeline_tests.faults.crash_points import Crash
from polar_attio_pipeline_tests.faults.failing_hour import Waits
from polar_attio_pipeline_tests.faults.schedule import MOST_ROUNDS
from polar_attio_pipeline_tests.faults.wide_outage import Toll

LINE = 100
"""Schedules in one line of the table."""

_HEADER = (
    "schedules",
    "faults",
    "customers",
    "lost",
    "doubled",
    "wrong values",
    "overwritten human edits",
    "harmed by another's fault",
    "without an outcome",
    "passes over their time",
    "writes without a history row",
    "history rows without a write",
    "changed by another's token",
    "passes until true again",
    "early retries",
    "writes when nothing differs",
)


def schedules_table(accounts: Sequence[Account]) -> str:
    """Return a line for each hundred schedules, and one for all of them."""
    lines = [accounts[start : start + LINE] for start in range(0, len(accounts), LINE)]
    rows = [_line(f"{line[0].number}-{line[-1].number}", line) for line in lines]
    total = _line(f"all {len(accounts)}", accounts)
    return table(_HEADER, rows if len(rows) == 1 else [*rows, [f"**{cell}**" for cell in total]])


def faults_table(accounts: Iterable[Account]) -> str:
    """Return how often each kind of fault struck."""
    injected: Counter[str] = Counter()
    for account in accounts:
        injected += account.injected
    return table(("fault", "times"), [(kind, str(count)) for kind, count in sorted(injected.items())])


def lengths_table(accounts: Iterable[Account]) -> str:
    """Return, for each kind of pass, how long the longest one took, and how near one came to its bound."""
    lengths = [length for account in accounts for length in account.lengths]
    names = sorted({length.name for length in lengths})
    rows = [_length(name, [length for length in lengths if length.name == name]) for name in names]
    return table(("pass", "times", "longest, minutes", "nearest to its bound"), rows)


def crashes_table(crashes: Sequence[Crash]) -> str:
    """Return a line for each kind of kill."""
    header = ("killed", "times", "lost", "doubled", "wrong values", "overwritten human edits", "repeated writes",
              "next passes that failed")  # fmt: skip
    kinds = list(dict.fromkeys(crash.kind for crash in crashes))
    return table(header, [_kills(kind, [crash for crash in crashes if crash.kind == kind]) for kind in kinds])


def outages_table(tolls: Iterable[Toll]) -> str:
    """Return a line for each way in which Attio was down for a day."""
    header = ("Attio down for a day", "new customers", "runs by the sensor", "runs by schedules", "most in an hour",
              "requests to Attio", "requests to Polar", "minutes until everybody was there", "lost", "doubled",
              "wrong values", "early retries")  # fmt: skip
    return table(header, map(_toll, tolls))


def waits_table(waits: Iterable[Waits]) -> str:
    """Return how long customers waited without an hour that fails for ever, and with it."""
    header = ("life", "new customers", "median wait, minutes", "worst wait, minutes",
              "minutes until the outage's hours were filled", "hours never read", "lost", "doubled",
              "wrong values")  # fmt: skip
    return table(header, map(_waits, waits))


def notices_table(waits: Iterable[Waits]) -> str:
    """Return every notice that people got, with what was true then."""
    header = ("life", "day and hour", "notice")
    return table(header, [(_life(life), f"{one.at:%d %H:%M}", one.title) for life in waits for one in life.told])


def details(account: Account) -> str:
    """Return everything about one schedule."""
    verdict = dataclasses.asdict(account.verdict)
    found = [f"{kind}: {sentence}" for kind, sentences in verdict.items() for sentence in sentences]
    found += [f"harmed: {sentence}" for sentence in account.harmed]
    found += [f"without an outcome: {sentence}" for sentence in account.unexplained]
    found += [f"over its time: {length}" for length in account.over_time]
    found += [f"not in the history: {sentence}" for sentence in account.unrecorded]
    found += [f"in the history and never written: {sentence}" for sentence in account.made_up]
    found += [f"changed by another's token: {sentence}" for sentence in account.foreign]
    return "\n".join([f"schedule {account.number}", *account.diary, *found, schedules_table([account])])


def as_json(account: Account) -> dict[str, Any]:
    """Return an account for a machine."""
    # `asdict` does not know how to copy a Counter.
    plain = dataclasses.replace(account, injected=Counter())
    return {**dataclasses.asdict(plain), "injected": dict(account.injected), "is_good": account.is_good}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def _line(name: str, accounts: Sequence[Account]) -> list[str]:
    rounds = max(account.rounds for account in accounts)
    counts = [
        sum(account.injected.total() for account in accounts),
        sum(account.customers for account in accounts),
        sum(len(account.verdict.lost) for account in accounts),
        sum(len(account.verdict.doubled) for account in accounts),
        sum(len(account.verdict.wrong) for account in accounts),
        sum(len(account.verdict.overwritten) for account in accounts),
        sum(len(account.harmed) for account in accounts),
        sum(len(account.unexplained) for account in accounts),
        sum(len(account.over_time) for account in accounts),
        sum(len(account.unrecorded) for account in accounts),
        sum(len(account.made_up) for account in accounts),
        sum(len(account.foreign) for account in accounts),
    ]
    after = [
        str(rounds) if rounds <= MOST_ROUNDS else "never",
        str(sum(account.early_retries for account in accounts)),
        str(sum(account.idle_writes for account in accounts)),
    ]
    return [name, *map(str, counts), *after]


def _length(name: str, lengths: Sequence[Length]) -> list[str]:
    longest = max(length.seconds for length in lengths) / 60
    nearest = max(length.seconds / length.bound for length in lengths)
    return [name, str(len(lengths)), f"{longest:.1f}", f"{nearest:.0%}"]


def _kills(kind: str, crashes: Sequence[Crash]) -> list[str]:
    verdicts = [crash.verdict for crash in crashes]
    counts = [
        len(crashes),
        sum(len(verdict.lost) for verdict in verdicts),
        sum(len(verdict.doubled) for verdict in verdicts),
        sum(len(verdict.wrong) for verdict in verdicts),
        sum(len(verdict.overwritten) for verdict in verdicts),
        sum(crash.repeated for crash in crashes),
        sum(crash.ended != 0 for crash in crashes),
    ]
    return [kind, *map(str, counts)]


def _waits(life: Waits) -> list[str]:
    filled = "never" if life.filled is None else f"{life.filled:.1f}"
    verdict = life.verdict
    counts = (life.unread, len(verdict.lost), len(verdict.doubled), len(verdict.wrong))
    return [_life(life), str(len(life.minutes)), f"{life.median:.2f}", f"{life.worst:.2f}", filled, *map(str, counts)]


def _life(life: Waits) -> str:
    return "one hour fails for ever" if life.failing else "undisturbed"


def _toll(toll: Toll) -> list[str]:
    during = (toll.customers, toll.asked, toll.scheduled, toll.busiest, toll.attio, toll.polar)
    minutes = "never" if toll.minutes is None else f"{toll.minutes:.0f}"
    verdict = toll.verdict
    after = (len(verdict.lost), len(verdict.doubled), len(verdict.wrong), toll.early_retries)
    return [toll.outage, *map(str, during), minutes, *map(str, after)]
