"""One schedule: a seed, and everything that follows from it."""

import random as global_random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.seed import Shares, known_people, seed_customers
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.faults.account import Account
from polar_attio_pipeline_tests.faults.bounds import Length, bound
from polar_attio_pipeline_tests.faults.calm import live_through
from polar_attio_pipeline_tests.faults.foreign import found_other_organization, one_pass
from polar_attio_pipeline_tests.faults.happenings import Happenings
from polar_attio_pipeline_tests.faults.history import disagreements, rows_by_place
from polar_attio_pipeline_tests.faults.lasting import Lasting, Stage
from polar_attio_pipeline_tests.faults.life import HeardTraffic, Life, draw_life
from polar_attio_pipeline_tests.faults.machines import Machine
from polar_attio_pipeline_tests.faults.oracle import judge
from polar_attio_pipeline_tests.faults.pipeline import GAP_SECONDS, PACE, Ended, Pipeline
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time
from polar_attio_pipeline_tests.faults.weather import CountedFaults, draw, draw_empty_list

CLOSE_AFTER = timedelta(minutes=5)
MOST_ROUNDS = 4
MOST_LASTING = 4


Runs = Callable[[Life, Machine], Ended | None]
"""Runs a pass on a machine."""


def run(seed: int, number: int) -> Account:
    """Run one schedule of those that a seed stands for; it gives the same account each time."""
    random = Random(f"{seed}/{number}")
    # Back-off draws from the module's generator.
    global_random.seed(random.random())
    start = datetime(2026, random.randint(1, 12), random.randint(1, 28), random.randrange(24), tzinfo=UTC)
    with virtual_time(start) as timeline:
        schedule = _Schedule(number, random, timeline)
        try:
            return schedule.run()
        finally:
            schedule.pipeline.close()


class _Schedule:
    def __init__(self, number: int, random: Random, timeline: Timeline) -> None:
        self._random = random
        self._timeline = timeline
        self._account = Account(number)
        seed = random.getrandbits(32)
        self._sandbox = Sandbox(seed=seed, clock=Clock(source=timeline.now))
        self._faults = self._sandbox.faults = CountedFaults(self._sandbox.clock, seed=seed)
        add_attributes(self._sandbox.attio, KNOWN)
        self._traffic = self._sandbox.traffic = HeardTraffic(self._sandbox.clock)
        self._happenings = Happenings(self._sandbox, random)
        self.pipeline = Pipeline(
            create_app(self._sandbox),
            self._traffic,
            timeline,
            random,
            name=f"schedule{number}",
            start=floor(timeline.now()) - 12 * HOUR,
        )
        self.pipeline.rules = replace(self.pipeline.rules, unmark_orphaned=random.random() < 0.3)
        stage = Stage(self._sandbox, self._faults, self._happenings, self.pipeline, random)
        self._lasting = Lasting(stage)
        self._lasting_due = random.randint(1, MOST_LASTING)

    def run(self) -> Account:
        """Live for some hours with faults, heal, and see."""
        self._open_shop()
        for left in reversed(range(self._random.randint(2, 5))):
            self._an_hour_with_faults(is_last=not left)
        self._calm()
        self._heal()
        self._account.rounds = self._rounds_until_true()
        writes = self._sandbox.attio.writes
        self._round()
        self._account.idle_writes = self._sandbox.attio.writes - writes
        self._take_stock()
        return self._account

    def _open_shop(self) -> None:
        random = self._random
        shares = Shares(recent=random.choice((0.2, 0.8)), teams=0.08, refused=0.02, anonymized=0.01)
        polar, now = self._sandbox.polar, self._timeline.now()
        size, seed = random.randint(20, 80), random.getrandbits(32)
        seed_customers(polar, customers=size, seed=seed, now=now, months=random.choice((1, 6)), shares=shares)
        for person in known_people(polar, seed=seed, share=0.15):
            self._sandbox.attio.add_person(emails=person.emails, name=person.name)
        found_other_organization(polar, random)
        self._happenings.remember()
        if random.random() < 0.6:
            self._change_the_weather()
        if random.random() < 0.8:
            self._pass("first import", self.pipeline.reconcile)
        for _ in range(random.randint(0, 5)):
            self._happenings.happen()

    def _an_hour_with_faults(self, *, is_last: bool) -> None:
        random = self._random
        if random.random() < 0.15:
            hours = random.choice((2, 6, 30))
            self._timeline.advance(hours * 3600)
            self._tell(f"nothing ran for {hours} hours")
        self._change_the_weather()
        self._let_something_be_bad(all_of_it=is_last)
        end = floor(self._timeline.now()) + HOUR
        for minute in sorted(random.sample(range(60), random.randint(1, 4))):
            self._timeline.advance_to(end - HOUR + timedelta(minutes=minute))
            for _ in range(random.randint(0, 4)):
                self._happenings.happen()
            if random.random() < 0.4:
                self._pass("tick", self.pipeline.tick)
        self._timeline.advance_to(end + CLOSE_AFTER)
        if random.random() < 0.9:
            self._pass("hour", self.pipeline.close_hour)
        if random.random() < 0.4:
            self._pass("reconciliation", self.pipeline.reconcile)
        if random.random() < 0.15 and self.pipeline.knows_its_organization():
            self._wrong_token()

    def _let_something_be_bad(self, *, all_of_it: bool) -> None:
        """Bring some of the faults that stay; in the end all that are due."""
        for _ in range(self._lasting_due):
            if all_of_it or self._random.random() < 0.5:
                what = self._lasting.draw()
                self._lasting_due -= what is not None
                self._tell(f"for good: {what}" if what else "for good: nobody whom it could befall")

    def _wrong_token(self) -> None:
        passes = self.pipeline.passes
        name, ended, changed = one_pass(self._sandbox, self.pipeline, self._random)
        self._account.foreign += changed
        self._measure(name, passes)
        self._injected("token of another organization")
        self._tell(f"{name} with another organization's token: {ended.how if ended else 'asks for nothing'}")
        self._timeline.advance(GAP_SECONDS)

    def _change_the_weather(self) -> None:
        random = self._random
        if random.random() < 0.7:
            self._faults.clear()
            self._give_tokens_back()
            for fault in draw(random):
                self._faults.add(fault)
                self._tell(f"fault {fault.model_dump_json(exclude_defaults=True)}")
            if random.random() < 0.15:
                self._faults.add(draw_empty_list(random))
                self._tell("an empty list")
        if random.random() < 0.1:
            minutes = random.choice((-5, 5))
            self._sandbox.clock.offset = timedelta(minutes=minutes)
            self._traffic.clock_was_set()
            self._injected(f"machine's clock off by five minutes ({-minutes:+})")
        if random.random() < 0.3:
            self._happenings.churn()

    def _pass(self, name: str, run: Runs, life: Life | None = None) -> None:
        machine = Machine(elsewhere=self._random.random() < 0.3)
        life = life or self._drawn_life()
        passes = self.pipeline.passes
        ended = run(life, machine)
        self._measure(name, passes)
        self._happenings.remember()
        self._tell(f"{name} until {self._timeline.now():%H:%M:%S}: {ended.how if ended else 'asks for nothing'}")
        if ended and ended.killed:
            self._injected(f"killed at a {life.death.step}" if life.death else "killed at an hour whose runs die")
        self._timeline.advance(GAP_SECONDS)

    def _measure(self, name: str, passes: int) -> None:
        """Note how long the passes since then took."""
        longest = bound(len(self._sandbox.polar.customers), len(self._happenings.broken), PACE)
        self._account.lengths += [Length(name, ended.seconds, longest) for ended in self.pipeline.ended[passes:]]

    def _drawn_life(self) -> Life:
        life = draw_life(self._random)
        for _ in range(self._random.choice((0, 0, 0, 1, 2, 4))):
            life.events[self._random.randint(1, 30)] = self._happenings.happen
        if self._random.random() < 0.05:
            life.events[self._random.randint(1, 15)] = self._revoke
        return life

    def _revoke(self) -> None:
        if self._random.random() < 0.5:
            self._sandbox.polar.tokens[POLAR_TOKEN].active = False
        else:
            self._sandbox.attio.tokens[ATTIO_TOKEN].active = False
        self._injected("token revoked")

    def _give_tokens_back(self) -> None:
        self._sandbox.polar.tokens[POLAR_TOKEN].active = True
        self._sandbox.attio.tokens[ATTIO_TOKEN].active = True

    def _calm(self) -> None:
        """The weather clears up; what is bad for good stays bad."""
        self._faults.clear()
        self._give_tokens_back()
        self._sandbox.clock.offset = timedelta(0)
        self._traffic.clock_was_set()
        churn = self._sandbox.churn
        self._injected("row inserted between pages", len(churn.inserted))
        self._injected("row deleted between pages", len(churn.deleted))
        churn.clear()
        self._happenings.remember()
        self._tell("calm")
        calm = live_through(
            self._sandbox,
            self._happenings,
            self._lasting,
            self.pipeline,
            lambda name, run: self._pass(name, run, Life()),
        )
        self._account.harmed = calm.harmed
        self._account.unexplained = calm.unexplained

    def _heal(self) -> None:
        self._lasting.mend()
        self._happenings.mend()
        self._timeline.advance_to(self._timeline.now() + 6 * HOUR)
        self._sandbox.polar.settle()
        self._happenings.remember()
        self._tell("healed")

    def _rounds_until_true(self) -> int:
        for number in range(1, MOST_ROUNDS + 1):
            self._round()
            verdict = judge(self._sandbox.polar, self._sandbox.attio, self._happenings.said)
            if number == 1:
                self._account.verdict = verdict
            if verdict.is_true:
                return number
        return MOST_ROUNDS + 1

    def _round(self) -> None:
        """The normal cadence: an hourly pass with its overlap, and a reconciliation."""
        self._timeline.advance_to(floor(self._timeline.now()) + HOUR + CLOSE_AFTER)
        self._pass("hour", self.pipeline.close_hour, Life())
        self._pass("reconciliation", self.pipeline.reconcile, Life())

    def _take_stock(self) -> None:
        account = self._account
        account.injected += self._faults.struck + self._lasting.injected
        account.customers = len(self._sandbox.polar.customers)
        account.passes = self.pipeline.passes
        account.writes = self._sandbox.attio.writes
        rows = rows_by_place(self.pipeline.database)
        account.unrecorded, account.made_up = disagreements(self._sandbox.attio, rows, self._happenings.merged)
        account.early_retries = self._traffic.early_retries.total()

    def _injected(self, what: str, count: int = 1) -> None:
        self._account.injected[what] += count
        if count:
            self._tell(f"{what} ({count})" if count > 1 else what)

    def _tell(self, line: str) -> None:
        self._account.diary.append(f"{self._timeline.now():%d %H:%M:%S} {line}")
