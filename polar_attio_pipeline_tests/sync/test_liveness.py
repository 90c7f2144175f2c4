"""Every pass ends, and slow services make nobody late for ever: real limits and back-off, in virtual time."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync import deadline, engine
from polar_attio_pipeline.sync.deadline import TimeIsUpError, time_limit
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.health import KindClosedError, ServiceDownError
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result, tally
from polar_attio_pipeline.sync.services import Pace, Services
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time
from polar_attio_pipeline_tests.polar.reading import read_all
from polar_attio_pipeline_tests.sync.both_sides import SLUGS

PEOPLE = "/v2/objects/people/records"
PORTION_SECONDS = 900
"""More than one portion can take: three searches and its questions with all retries, and its writes."""


class World:
    """Both services on virtual time, and what a pass recorded."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.sandbox = Sandbox(clock=Clock(source=timeline.now))
        add_attributes(self.sandbox.attio, KNOWN)
        self.recorded: list[Outcome] = []
        self.questions = 0

    def outcomes(self) -> dict[str, Outcome]:
        found = {outcome.customer_id: outcome for outcome in self.recorded}
        assert len(found) == len(self.recorded), "a customer has two outcomes"
        self.recorded.clear()
        return found

    def seconds(self, *, requests_per_minute: float = 300, writes_per_second: float = 20) -> float:
        """Run one pass over all customers; return how long it took, and insist on its bound."""
        before = self.timeline.monotonic()
        asyncio.run(self._pass(requests_per_minute, writes_per_second))
        return self.timeline.monotonic() - before

    async def _pass(self, requests_per_minute: float, writes_per_second: float) -> None:
        transport = httpx.ASGITransport(create_app(self.sandbox))
        polar_connection = polar_api(
            token=SecretStr(POLAR_TOKEN),
            base_url="http://sandbox",
            requests_per_minute=requests_per_minute,
            transport=transport,
        )
        attio_connection = attio_api(
            api_key=SecretStr(ATTIO_TOKEN),
            base_url="http://sandbox",
            reads_per_second=50,
            writes_per_second=writes_per_second,
            transport=transport,
        )
        async with polar_connection as polar, attio_connection as attio:
            book, people = PolarClient(polar), await AttioClient.connect(attio, SLUGS)
            customers = (await read_all(book)).customers.values()
            pace = Pace(writes=writes_per_second, questions=requests_per_minute / 60)
            began = self.timeline.monotonic()
            try:
                await sync(customers, Services(people, book, people.targets, pace=pace), self.recorded.extend)
            finally:
                limit = time_limit(len(customers), 2 * len(customers), pace)
                assert self.timeline.monotonic() - began < limit + PORTION_SECONDS


def in_virtual_time(test: Callable[[World], None]) -> None:
    with virtual_time(datetime(2026, 11, 3, 12, tzinfo=UTC)) as timeline:
        test(World(timeline))


def add_teams(world: World, count: int) -> None:
    for number in range(count):
        team = world.sandbox.polar.add_customer(email=None, name=f"Team {number}", type="team")
        world.sandbox.polar.add_member(team.id, email=f"owner-{number}@example.com")


def add_customers(world: World, count: int) -> None:
    for number in range(count):
        world.sandbox.polar.add_customer(email=f"customer-{number}@example.com")


class TestSlowAnswers:
    def test_a_hundred_teams_arrive_although_polar_throttles_their_owners_for_a_minute(self) -> None:
        def test(world: World) -> None:
            add_teams(world, 100)
            throttled = Fault(kind=Kind.TOO_MANY, service="polar", path="/v1/members/", times=1, skip=10)
            world.sandbox.faults.add(throttled.model_copy(update={"retry_after_seconds": 60}))
            world.seconds()
            assert tally(world.outcomes().values())[Result.CREATED] == 100

        in_virtual_time(test)

    def test_two_hundred_teams_arrive_at_a_hundred_requests_a_minute(self) -> None:
        def test(world: World) -> None:
            add_teams(world, 200)
            world.seconds(requests_per_minute=100)
            assert tally(world.outcomes().values())[Result.CREATED] == 200

        in_virtual_time(test)

    def test_two_hundred_customers_who_were_created_again_arrive_at_a_hundred_requests_a_minute(self) -> None:
        def test(world: World) -> None:
            add_customers(world, 200)
            world.seconds()
            world.outcomes()
            for old in list(world.sandbox.polar.customers.values()):
                world.sandbox.polar.delete_customer(old.id)
                world.sandbox.polar.add_customer(email=old.email)
            world.seconds(requests_per_minute=100)
            assert tally(world.outcomes().values())[Result.UPDATED] == 200

        in_virtual_time(test)

    def test_writes_at_a_tenth_of_the_usual_pace_are_all_in_time(self) -> None:
        def test(world: World) -> None:
            add_customers(world, 300)
            world.seconds(writes_per_second=2)
            assert tally(world.outcomes().values())[Result.CREATED] == 300

        in_virtual_time(test)

    def test_a_service_that_is_ten_times_slower_than_configured_gets_everybody_in_some_passes(self) -> None:
        def test(world: World) -> None:
            add_customers(world, 100)
            world.sandbox.faults.add(Fault(kind=Kind.LATENCY, service="attio", method="POST", path=PEOPLE, seconds=40))
            for _ in range(4):
                world.seconds()
                known = world.outcomes()
                assert len(known) == 100
                if tally(known.values())[Result.REJECTED] == 0:
                    return
            raise AssertionError("somebody never arrives")

        in_virtual_time(test)


class TestFaultsThatStay:
    def test_addresses_that_are_taken_and_that_no_search_shows_hold_nobody_up(self) -> None:
        def test(world: World) -> None:
            add_customers(world, 1000)
            taken = list(world.sandbox.polar.customers.values())[::10]
            for row in taken:
                world.sandbox.faults.add(
                    Fault(
                        kind=Kind.REFUSE,
                        service="attio",
                        method="POST",
                        path=PEOPLE,
                        contains=f'"{row.email}"',
                        status=400,
                        code="uniqueness_conflict",
                    )
                )
            world.seconds(writes_per_second=2)
            outcomes = world.outcomes()
            assert {outcomes[row.id].reason for row in taken} == {Reason.CHANGED_MEANWHILE}
            assert tally(outcomes.values())[Result.CREATED] == 900

        in_virtual_time(test)

    @pytest.mark.parametrize("kind", [Kind.STATUS, Kind.HANG, Kind.RESET, Kind.TOO_MANY])
    def test_one_record_that_can_never_be_written(self, kind: Kind) -> None:
        def test(world: World) -> None:
            add_customers(world, 40)
            bad = next(iter(world.sandbox.polar.customers.values()))
            fault = Fault(kind=kind, service="attio", method="POST", path=PEOPLE, contains=f'"{bad.email}"')
            world.sandbox.faults.add(fault.model_copy(update={"status": 500, "retry_after_seconds": 2}))
            world.seconds()
            outcomes = world.outcomes()
            assert outcomes.pop(bad.id).reason is Reason.NOT_TAKEN
            assert tally(outcomes.values())[Result.CREATED] == 39
            world.sandbox.faults.clear()
            world.seconds()
            assert world.outcomes()[bad.id].result is Result.CREATED

        in_virtual_time(test)

    @pytest.mark.parametrize("kind", [Kind.STATUS, Kind.HANG, Kind.RESET])
    def test_one_team_whose_members_can_never_be_read(self, kind: Kind) -> None:
        def test(world: World) -> None:
            add_customers(world, 20)
            add_teams(world, 20)
            bad = list(world.sandbox.polar.customers)[-1]
            world.sandbox.faults.add(Fault(kind=kind, service="polar", path="/v1/members/", contains=bad, status=500))
            world.seconds()
            outcomes = world.outcomes()
            assert outcomes.pop(bad).reason is Reason.UNANSWERED
            assert tally(outcomes.values())[Result.CREATED] == 39

        in_virtual_time(test)

    @pytest.mark.parametrize("status", [500, 502])
    def test_one_address_that_can_never_be_searched_for(self, status: int) -> None:
        def test(world: World) -> None:
            add_customers(world, 40)
            bad = list(world.sandbox.polar.customers.values())[7]
            fault = Fault(kind=Kind.STATUS, service="attio", path=f"{PEOPLE}/query", contains=f'"{bad.email}"')
            world.sandbox.faults.add(fault.model_copy(update={"status": status}))
            world.seconds()
            outcomes = world.outcomes()
            assert outcomes.pop(bad.id).reason is Reason.NOT_TAKEN
            assert tally(outcomes.values())[Result.CREATED] == 39

        in_virtual_time(test)

    @pytest.mark.parametrize("kind", [Kind.STATUS, Kind.HANG, Kind.RESET, Kind.TOO_MANY])
    @pytest.mark.parametrize("service", ["polar", "attio"])
    def test_a_service_that_is_down_for_good_ends_the_pass(self, service: Any, kind: Kind) -> None:
        def test(world: World) -> None:
            add_teams(world, 30)
            path = "/v1/members/" if service == "polar" else f"{PEOPLE}*"
            world.sandbox.faults.add(Fault(kind=kind, service=service, path=path, retry_after_seconds=60))
            if service == "attio":
                world.sandbox.faults.add(
                    Fault(kind=kind, service=service, path="/v2/self", skip=1, retry_after_seconds=60)
                )
            with pytest.raises(ServiceDownError):
                world.seconds()
            assert world.sandbox.attio.people_count() == 0

        in_virtual_time(test)


def test_a_pass_that_takes_far_longer_than_its_counts_imply_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SLACK_SECONDS", 0)
    monkeypatch.setattr(engine, "LARGEST_PORTION", 10)

    def test(world: World) -> None:
        add_customers(world, 100)
        world.sandbox.faults.add(Fault(kind=Kind.LATENCY, service="attio", seconds=20))
        with pytest.raises(TimeIsUpError, match="100 customers"):
            world.seconds()
        done = tally(world.outcomes().values())[Result.CREATED]
        assert 0 < done < 100

    in_virtual_time(test)


@pytest.mark.parametrize(
    "fault", [{"kind": Kind.STATUS, "status": 502}, {"kind": Kind.STATUS, "status": 500}, {"kind": Kind.HANG}], ids=str
)
def test_searches_that_all_fail_while_attio_answers_other_requests_end_the_pass_in_time(
    fault: Mapping[str, Any],
) -> None:
    def test(world: World) -> None:
        add_customers(world, 24)
        world.sandbox.faults.add(Fault.model_validate({"service": "attio", "path": f"{PEOPLE}/query", **fault}))
        began = world.timeline.monotonic()

        with pytest.raises(KindClosedError, match="Some searches for people failed"):
            world.seconds()

        assert world.timeline.monotonic() - began < time_limit(24, 0, Pace()) / 2
        assert tally(world.outcomes().values())[Result.REJECTED] == 24

    in_virtual_time(test)


@pytest.mark.parametrize(
    "fault",
    [
        *({"kind": Kind.STATUS, "status": status} for status in (500, 502, 503, 504)),
        {"kind": Kind.HANG},
        {"kind": Kind.RESET},
        {"kind": Kind.CUT_BODY},
    ],
    ids=str,
)
def test_searches_that_fail_for_good_for_some_cost_these_and_some_minutes_of_one_pass(fault: Mapping[str, Any]) -> None:
    def test(world: World) -> None:
        add_customers(world, 60)
        bad = sorted(world.sandbox.polar.customers)[::20]
        for customer_id in bad:
            query = {"service": "attio", "path": f"{PEOPLE}/query", "contains": customer_id}
            world.sandbox.faults.add(Fault.model_validate({**query, **fault}))

        assert world.seconds() < 8 * 60

        outcomes = world.outcomes()
        failed = [one for one, outcome in outcomes.items() if outcome.result is not Result.CREATED]
        assert (sorted(failed), len(outcomes)) == (bad, 60)
        assert {outcomes[one].reason for one in bad} == {Reason.NOT_TAKEN}

    in_virtual_time(test)


@pytest.mark.parametrize("times", [7, 12], ids=["a minute", "two minutes"])
def test_an_attio_that_cannot_search_for_a_minute_or_two_costs_nobody_anything(times: int) -> None:
    def test(world: World) -> None:
        add_customers(world, 60)
        query = f"{PEOPLE}/query"
        world.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path=query, status=503, times=times))

        world.seconds()

        assert tally(world.outcomes().values())[Result.CREATED] == 60

    in_virtual_time(test)
