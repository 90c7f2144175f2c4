"""What a pass says while it works: in time, true, and not more than there is to say."""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.lease import one_writer
from polar_attio_pipeline.passes.progress import Ended, Ending, Event, Progress, Stage, Stopping, Upcoming
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.outcomes import FAILED, Reason, Result
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.passes.listening import NOON, Theatre, theatre

PEOPLE = "/v2/objects/people/records"
CUSTOMERS = "/v1/customers/"
UPCOMING = Upcoming(finished="That was it.", failed="It is tried again.", stopped="It waits for you.")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Theatre]:
    with theatre(tmp_path) as stage:
        yield stage


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    """A first import of 1,500 customers, at Attio's real limits."""
    with theatre(tmp_path_factory.mktemp("imported")) as stage:
        stage.sandbox.fill(customers=1500, seed=1)
        stage.play(reconcile)
        return stage


def ended(stage: Theatre) -> Ended:
    last = stage.heard.events[-1][1]
    assert isinstance(last, Ended)
    return last


def done(hour: HourDone) -> None:
    """Take note of nothing."""


async def three_hours(context: PassContext) -> None:
    here = NOON - 12 * HOUR
    await sync_hours(context, Hours([here, here + HOUR, here + 2 * HOUR]), done)


def test_a_first_import_of_1500_says_at_least_every_10_seconds_how_far_it_is(imported: Theatre) -> None:
    heard = imported.heard
    shown = [event.done for event in heard.progress if event.stage is Stage.WRITING]

    assert heard.longest_silence() <= 10
    assert heard.lines[0] == "A reconciliation of everything begins (a test)."
    heard.that("Compared 1,500 customers of Polar with 0 marked people of Attio", "1,500 differ or are new")
    assert len(shown) >= 7
    assert shown == sorted(set(shown)), "it says the same twice, or goes back"


def test_at_its_end_it_counts_what_the_ledger_counts(imported: Theatre) -> None:
    assert ended(imported).counts == {result: n for result, n in imported.ledger.counts().items() if n}
    assert sum(ended(imported).counts.values()) == 1500


def test_the_time_left_that_it_shows_is_about_the_time_that_passes(imported: Theatre) -> None:
    events = imported.heard.events
    shown = [(at, event.left) for at, event in events if isinstance(event, Progress) and event.left is not None]

    assert len(shown) >= 5
    for at, left in shown[1:]:
        assert left == pytest.approx(events[-1][0] - at, rel=0.25, abs=4)


def test_those_left_out_are_named_by_reason_with_links_and_the_rest_counted(imported: Theatre) -> None:
    left_out = {one.reason: one.count for one in ended(imported).left_out}

    assert left_out.keys() == {Reason.NO_EMAIL, Reason.REFUSED, Reason.ANONYMISED, Reason.SHARED_EMAIL}
    assert sum(left_out.values()) == sum(ended(imported).counts[result] for result in FAILED)
    line = imported.heard.that("rejected, no_email", "https://polar.sh/dashboard/sandbox/customers/")
    assert line.endswith(f"; and {left_out[Reason.NO_EMAIL] - 5} more, in the ledger (table outcomes).")


def test_those_of_whom_attio_refused_a_value_are_named_too(stage: Theatre) -> None:
    for number in range(2):
        stage.sandbox.polar.add_customer(email=f"one-{number}@example.com", billing_address={"country": "GB"})
    stage.sandbox.attio.refuse_values("polar_country")

    stage.play(reconcile)

    assert {one.reason: one.count for one in ended(stage).left_out} == {Reason.PARTLY_REFUSED: 2}
    stage.heard.that("2 created, partly_refused_by_attio: Attio took everything but", "https://app.attio.com/")


@pytest.mark.parametrize("customers", [0, 2])
def test_hours_with_little_in_them_have_three_to_six_lines(stage: Theatre, customers: int) -> None:
    for number in range(customers):
        stage.sandbox.polar.add_customer(
            email=f"one-{number}@example.com", created_at=stage.here + timedelta(minutes=5)
        )

    stage.play(three_hours, upcoming=UPCOMING)

    assert 3 <= len(stage.heard.lines) <= 6, stage.heard.lines
    stage.heard.that("The hourly pass over 2026-11-24-00:00 to 2026-11-24-02:00 UTC begins")
    assert stage.heard.lines[-1] == "That was it."


def test_while_polar_throttles_it_says_so_and_until_when(stage: Theatre) -> None:
    stage.sandbox.fill(customers=30, seed=1)
    throttled = Fault(kind=Kind.TOO_MANY, service="polar", path=CUSTOMERS, times=1, retry_after_seconds=60)
    stage.sandbox.faults.add(throttled)

    stage.play(reconcile)

    (first, *_) = [event for event in stage.heard.progress if event.waiting_for]
    assert first.waiting_for == f"Polar answered 429 to GET {CUSTOMERS}, so no request to Polar leaves"
    assert first.until is not None
    assert timedelta(seconds=59) < first.until - NOON < timedelta(seconds=65)
    stage.heard.that("Polar answered 429", "until 12:01:0")
    assert stage.heard.longest_silence() <= 31
    assert not any("requests are under way" in line for line in stage.heard.lines)
    assert len(stage.heard.progress) <= 3, "a wait whose end has been reported is not reported again every few seconds"
    assert ended(stage).throttled == 1
    stage.heard.that("Finished after", "(1 answered 429)")


def test_while_attio_throttles_the_writes_it_says_how_far_they_are(stage: Theatre) -> None:
    stage.sandbox.fill(customers=100, seed=1)
    throttled = Fault(
        kind=Kind.TOO_MANY, service="attio", path=PEOPLE, method="POST", skip=40, times=1, retry_after_seconds=30
    )
    stage.sandbox.faults.add(throttled)

    stage.play(reconcile)

    assert all(event.left is None or event.left < 10 for event in stage.heard.progress), "the pause is not the pace"
    line = stage.heard.that(
        "Bringing customers to Attio", f"Attio answered 429 to POST {PEOPLE}", "no request to Attio leaves"
    )
    assert " of 100 done" in line


def test_in_an_outage_each_longer_wait_has_a_line_with_what_the_service_answered(stage: Theatre) -> None:
    stage.sandbox.fill(customers=5, seed=1)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    with pytest.raises(UnavailableError):
        stage.play(reconcile, upcoming=UPCOMING)

    assert len([event for event in stage.heard.progress if event.waiting_for]) >= 3
    stage.heard.that("Polar answered 503 to GET /v1/", "so the request waits until")
    assert ended(stage).how is Ending.FAILED
    assert stage.heard.lines[-1] == "It is tried again."


def test_while_answers_are_missing_it_says_for_how_long(stage: Theatre) -> None:
    stage.sandbox.fill(customers=5, seed=1)
    stage.sandbox.faults.add(Fault(kind=Kind.LATENCY, service="polar", path=CUSTOMERS, times=1, seconds=40))

    stage.play(reconcile)

    stage.heard.that("Comparing Polar with Attio: 0 customers", "no progress for", "requests are under way")


def test_attio_that_does_not_answer_while_it_is_connected_to_is_waited_for_in_the_open(stage: Theatre) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio", times=6))

    stage.play(reconcile)

    stage.heard.that("Looking at the workspace in Attio", "Attio answered 503")


def test_a_pass_that_waits_for_another_one_says_for_whom_and_how_long_at_most(stage: Theatre) -> None:
    async def second(context: PassContext) -> None:
        async def first() -> None:
            async with one_writer(stage.ledger, what="a long reconciliation"):
                await asyncio.sleep(120)

        other = asyncio.create_task(first())
        await asyncio.sleep(0)
        await reconcile(context)
        await other

    stage.play(second)

    stage.heard.that("another pass is at work (a long reconciliation, in process", "until 14:00:00 UTC at the latest")
    waits = [event for event in stage.heard.progress if event.stage is Stage.LEASE]
    assert 3 < len(waits) < 7, "two minutes are worth some lines, and not one every 8 s"


def test_a_pass_that_changes_nothing_for_long_becomes_quieter(stage: Theatre) -> None:
    stage.sandbox.fill(customers=2, seed=1)
    stage.sandbox.faults.add(Fault(kind=Kind.LATENCY, service="polar", path=CUSTOMERS, seconds=1000))

    with pytest.raises(UnavailableError):
        stage.play(reconcile)

    seconds = stage.heard.events[-1][0] - stage.heard.events[0][0]
    assert seconds > 150
    assert 4 < len(stage.heard.events) < seconds / 12


def test_a_report_that_fails_harms_nothing(stage: Theatre) -> None:
    def broken(_: Event) -> None:
        raise BrokenPipeError

    stage.sandbox.fill(customers=3, seed=1)

    assert sum(stage.play(reconcile, report=broken).counts.values()) == 3


def test_what_a_guard_has_stopped_is_not_reported_as_done(stage: Theatre) -> None:
    stage.sandbox.fill(customers=40, seed=1)
    stage.play(reconcile)
    for customer_id in list(stage.sandbox.polar.customers)[:30]:
        stage.sandbox.polar.delete_customer(customer_id)

    with pytest.raises(GuardError):
        stage.play(reconcile)

    assert ended(stage).how is Ending.FAILED


async def stopped_after(seconds: float, context: PassContext) -> None:
    """Run a reconciliation, and ask for its end after so long, as a signal does."""
    work = asyncio.create_task(reconcile(context))
    await asyncio.sleep(seconds)
    work.cancel()
    context.stop.request(signal.SIGTERM)
    await work


def test_a_pass_that_is_asked_to_end_says_what_it_did_and_how_many_remain(stage: Theatre) -> None:
    stage.sandbox.fill(customers=200, seed=1)

    with pytest.raises(asyncio.CancelledError):
        stage.play(lambda context: stopped_after(6, context), stop=Stop(), upcoming=UPCOMING)

    said = ended(stage)
    written = said.counts[Result.CREATED] + said.counts[Result.UPDATED]
    assert said.how is Ending.STOPPED
    assert written == stage.sandbox.attio.writes > 0, "what Attio took is on record, the writes under way included"
    assert said.remaining == 200 - sum(said.counts.values()) > 0
    stage.heard.that("Asked to end: the writes that were begun get")
    stage.heard.that(f"{said.remaining} customers without an outcome")
    assert stage.heard.lines[-1] == "It waits for you."


def test_the_next_pass_brings_exactly_those_that_a_stopped_one_has_left(stage: Theatre) -> None:
    stage.sandbox.fill(customers=200, seed=1)
    with pytest.raises(asyncio.CancelledError):
        stage.play(lambda context: stopped_after(6, context), stop=Stop())
    before = stage.sandbox.attio.writes

    counts = stage.play(reconcile).counts

    assert counts[Result.UNCHANGED] == before
    assert sum(counts.values()) == 200


def test_a_pass_that_is_asked_to_end_waits_for_no_write_that_hangs(stage: Theatre) -> None:
    stage.sandbox.fill(customers=60, seed=1)
    slow = Fault(kind=Kind.LATENCY, service="attio", path=PEOPLE, method="POST", seconds=1000)
    stage.sandbox.faults.add(slow)

    with pytest.raises(asyncio.CancelledError):
        stage.play(lambda context: stopped_after(8, context), stop=Stop())

    (asked,) = [at for at, event in stage.heard.events if isinstance(event, Stopping)]
    assert 4 < stage.heard.events[-1][0] - asked <= 5.5


def test_a_pass_that_has_lost_the_right_to_write_waits_for_no_write(stage: Theatre) -> None:
    stage.sandbox.fill(customers=60, seed=1)
    slow = Fault(kind=Kind.LATENCY, service="attio", path=PEOPLE, method="POST", seconds=1000)
    stage.sandbox.faults.add(slow)

    async def cancelled(context: PassContext) -> float:
        work = asyncio.create_task(reconcile(context))
        await asyncio.sleep(8)
        work.cancel()
        began = time.monotonic()
        await asyncio.wait([work])
        return time.monotonic() - began

    assert stage.play(cancelled) < 0.5


def test_no_line_and_no_log_of_any_level_has_a_name_or_an_address(
    stage: Theatre, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stage.sandbox.fill(customers=150, seed=3)
    attio, polar = stage.sandbox.faults, stage.sandbox.faults
    attio.add(Fault(kind=Kind.STATUS, status=500, service="attio", method="POST", probability=0.1, times=20))
    polar.add(Fault(kind=Kind.STATUS, status=500, service="polar", path=CUSTOMERS, times=4))
    attio.add(Fault(kind=Kind.REFUSE, service="attio", status=400, path=PEOPLE, method="POST", times=3))

    stage.play(reconcile)

    said = "\n".join([*stage.heard.lines, *(record.getMessage() for record in caplog.records), caplog.text])
    customers = stage.sandbox.polar.customers.values()
    private = {one.email for one in customers} | {one.name for one in customers if one.name and " " in one.name}
    people = stage.sandbox.attio.people()
    private |= {email for person in people for email in person.emails}
    assert len(private) > 200
    assert [one for one in private if one and one.lower() in said.lower()] == []


def test_each_request_is_logged_at_debug_without_its_query(stage: Theatre, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="polar_attio_pipeline")
    stage.sandbox.fill(customers=3, seed=1)
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar", path=CUSTOMERS, times=1))

    stage.play(reconcile)

    requests = [record.getMessage() for record in caplog.records if "attempt" in record.getMessage()]
    assert any(line.startswith(f"Polar: GET {CUSTOMERS}: 503 in ") and "attempt 1" in line for line in requests)
    assert any(line.startswith(f"Polar: GET {CUSTOMERS}: 200 in ") and "attempt 2" in line for line in requests)
    assert not any("?" in line for line in requests)
    of_attio = [line for line in requests if line.startswith("Attio: POST")]
    assert len({line.partition("execution id ")[2] for line in of_attio} - {""}) == len(of_attio) > 0
