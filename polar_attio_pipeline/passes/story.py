"""Sentences for people out of what a pass reports: the same in Dagster, at a terminal and in cron's mail.

Pure. Ids and links only: no names, no addresses, none of the services' own words, which may quote values.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from polar_attio_pipeline.passes.company_progress import Grouped
from polar_attio_pipeline.passes.progress import (
    Began,
    BillingRead,
    ChangedRead,
    Compared,
    Ended,
    Ending,
    Event,
    HoursRead,
    LeftOut,
    Marks,
    Progress,
    Read,
    SnapshotRead,
    Stage,
    Stopping,
)
from polar_attio_pipeline.sync.matching import DESCRIPTIONS, Case
from polar_attio_pipeline.sync.outcomes import Reason, Result

LINKS_SHOWN = 5
"""Customers named for one reason; the ledger holds all of them."""

_IDLE_SECONDS = 15
"""Without progress for so long, a line says so."""

_SAYS_WHICH = "`polar-attio explain` with the customer's id says which."

_REASONS: Mapping[Reason, str] = {
    Reason.CHANGED_MEANWHILE: "The person in Attio kept changing while it was being written.",
    Reason.REFUSED: f"Attio refuses one of the values; {_SAYS_WHICH}",
    Reason.PARTLY_REFUSED: f"Attio took everything but some values; {_SAYS_WHICH}",
    Reason.LEFT_EMPTY: f"An attribute in Attio cannot hold what Polar says; {_SAYS_WHICH}",
    Reason.UNREADABLE: "Polar's answer about the customer cannot be read.",
    Reason.UNANSWERED: "Polar could not answer a question about the customer.",
    Reason.NOT_TAKEN: "Attio failed on the search or the write.",
    Reason.DRIFTED: "The customer or its person is not as the plan says any more, so nothing was written.",
    Reason.UNEXPECTED: "This program failed on the customer's data; the log says where.",
}


def sentences(event: Event) -> list[str]:
    """Return what a person reads about an event, a line each."""
    match event:
        case Began():
            lines = [f"{_upper(event.what)} begins ({event.reason})."]
        case Progress():
            lines = [_progress(event)]
        case SnapshotRead() | HoursRead() | ChangedRead() | BillingRead():
            lines = [_read(event)]
        case Compared():
            lines = [_compared(event)]
        case Grouped():
            lines = [_grouped(event)]
        case Marks():
            lines = _marks(event)
        case Stopping():
            lines = [
                f"Asked to end: the writes that were begun get {duration(event.seconds)}, and no other one begins."
            ]
        case Ended():
            lines = _ended(event)
    return lines


def words(reason: Reason) -> str:
    """Return what a reason means, and what to do about it where that is always the same."""
    return _REASONS.get(reason) or " ".join(DESCRIPTIONS[Case(reason.value)])


def _progress(event: Progress) -> str:
    parts = [f"{event.stage}{_how_far(event)}"]
    if event.waiting_for:
        until = f" until {_clock(event.until)}{' at the latest' * (event.stage is Stage.LEASE)}" if event.until else ""
        parts.append(f"{event.waiting_for}{until}")
    elif event.idle >= _IDLE_SECONDS:
        parts.append(f"no progress for {duration(event.idle)}, requests are under way")
    elif event.pace and event.left is not None:
        parts.append(f"{event.pace:.1f} a second, about {duration(event.left)} left")
    return "; ".join(parts) + "."


def _how_far(event: Progress) -> str:
    if event.stage in {Stage.CONNECTING, Stage.LEASE, Stage.READING}:
        return ""
    of = f" of {event.total:,}" if event.total is not None else ""
    if event.stage is Stage.COMPARING:
        return f": {event.done:,}{of} customers of Polar and {event.people:,} marked people of Attio read so far"
    return f": {event.done:,}{of} done"


def _read(event: Read) -> str:
    match event:
        case SnapshotRead():
            return _snapshot_read(event)
        case HoursRead():
            return _hours_read(event)
        case ChangedRead():
            return _changed_read(event)
        case BillingRead():
            return _billing_read(event)


def _snapshot_read(event: SnapshotRead) -> str:
    bad = f", and {_count(event.unreadable, 'row')} that cannot be read" if event.unreadable else ""
    return (
        f"Read {_count(event.customers, 'customer')} of {_count(event.hours, 'hour')} from Polar{bad}, with "
        f"{_count(event.requests, 'request')}."
    )


def _billing_read(event: BillingRead) -> str:
    read = _count(event.count, event.what.removesuffix("s"))
    return f"Read {read} of {_count(event.customers, 'customer')} from Polar."


def _hours_read(event: HoursRead) -> str:
    text = f"{_count(event.customers, 'customer')} in {_count(event.hours, 'hour')} to bring to Attio"
    if event.retried:
        text += f", and {event.retried:,} of other hours to try again"
    if event.absent:
        text += f"; Polar no longer has {event.absent:,} that were seen in these hours"
    return f"{text}."


def _changed_read(event: ChangedRead) -> str:
    deleted = f"; {event.absent:,} more were deleted in Polar" if event.absent else ""
    unread = f"; {event.unread:,} more could not be read" if event.unread else ""
    return f"Read {_count(event.customers, 'changed customer')} anew from Polar{deleted}{unread}."


def _compared(event: Compared) -> str:
    text = (
        f"Compared {_count(event.customers, 'customer')} of Polar with {_count(event.people, 'marked person')} of "
        f"Attio: {event.unchanged:,} need nothing, {event.pending:,} differ or are new."
    )
    seconds = event.pending / event.writes_per_second
    if seconds < 1:
        return text
    return f"{text} At {event.writes_per_second:g} writes a second that takes at least {duration(seconds)}."


def _grouped(event: Grouped) -> str:
    without = f"; {_count(event.without, 'customer')} without one" if event.without else ""
    need = "needs" if event.unchanged == 1 else "need"
    return (
        f"{_count(event.customers, 'customer')} of {_count(event.companies, 'domain')} of businesses{without}. "
        f"{_count(event.unchanged, 'company')} of Attio {need} nothing, {event.pending:,} differ or are new."
    )


def _marks(event: Marks) -> list[str]:
    kinds = (
        (event.orphaned, "marked in Attio as customers, but Polar has no such customer (any more)"),
        (event.unmarked, "no longer marked: the pass has unchecked polar_customer"),
        (event.copied, "holding a Polar id that another person holds too: clear it on all but one"),
    )
    return [f"{_count(len(links), 'person')} {what}: {_some(links, len(links))}." for links, what in kinds if links]


def _ended(event: Ended) -> list[str]:
    throttled = f" ({event.throttled:,} answered 429)" if event.throttled else ""
    after = f"after {duration(event.seconds)} and {_count(event.requests, 'request')}{throttled}"
    known = sum(event.counts.values())
    done = f"{_count(known, event.noun)}: {_counts(event.counts)}" if known else f"no {event.noun} was written"
    match event.how:
        case Ending.FINISHED:
            first = f"Finished {after}. {_upper(done if known else f'there was no {event.noun} to bring')}."
        case Ending.FAILED:
            first = f"Failed {after}, for the reason in the error below. Until then: {done}."
        case Ending.STOPPED:
            first = f"Stopped {after}, because the process was asked to end. Until then: {done}."
    lines = [first, *map(_left_out, event.left_out), *event.notes]
    if event.how is not Ending.FINISHED:
        lines.append(_remaining(event.remaining, event.noun))
    return [*lines, event.upcoming] if event.upcoming else lines


def _remaining(remaining: int | None, noun: str) -> str:
    if noun == "value":
        return "Every other value is as it was, but for those that were being written just then."
    if remaining is None:
        return "It had not read all customers yet, so it does not know how many remain."
    if not remaining:
        return f"Every {noun} that it read has an outcome."
    return (
        f"{_count(remaining, noun)} without an outcome: the next pass looks each of them up anew, so that one "
        "whose write was under way is not created twice."
    )


def _left_out(event: LeftOut) -> str:
    some = _some(event.shown, event.count, where=", in the ledger (table outcomes)")
    return f"{event.count:,} {event.result}, {event.reason}: {words(event.reason)} {some}."


def _some(shown: Sequence[str], count: int, *, where: str = "") -> str:
    some = "; ".join(shown[:LINKS_SHOWN])
    more = count - min(len(shown), LINKS_SHOWN)
    return f"{some}; and {more:,} more{where}" if more else some


def _counts(counts: Mapping[Result, int]) -> str:
    shown = (result for result in Result if result is not Result.EXCLUDED or counts.get(result))
    return ", ".join(f"{counts.get(result, 0):,} {result}" for result in shown)


def duration(seconds: float) -> str:
    """Return a duration as people say it: "8 s", "1 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"


def _count(number: int, noun: str) -> str:
    plural = {"person": "people", "marked person": "marked people", "company": "companies"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
