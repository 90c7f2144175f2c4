"""One schedule: a seed, and everything that follows from it."""

import random as global_random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.book import Shares, known_people, seed_book
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.mapping import ATTRIBUTES
from polar_attio_pipeline_tests.faults.happenings import Happenings
from polar_attio_pipeline_tests.faults.life import HeardTraffic, Life, draw_life
from polar_attio_pipeline_tests.faults.oracle import Verdict, judge
from polar_attio_pipeline_tests.faults.pipeline import GAP_SECONDS, Ended, Pipeline
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time
from polar_attio_pipeline_tests.faults.weather import CountedFaults, draw

CLOSE_AFTER = timedelta(minutes=5)
MOST_ROUNDS = 4


@dataclass
class Account:
    """What a schedule came to.

    Attributes:
        injected: Faults by kind.
        customers: In Polar at the end.
        rounds: Rounds of the normal cadence after the faults until everything was true; one more than `MOST_ROUNDS`
            when it never was.
        verdict: After the first of them.
        early_retries: Requests that came before a Retry-After had run out.
        idle_writes: Writes of one more round, when nothing differs.
        diary: What happened, line by line.
    """

    number: int
    injected: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    passes: int = 0
    writes: int = 0
    rounds: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    early_retries: int = 0
    idle_writes: int = 0
    diary: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing at all is to be complained of."""
        return self.verdict.is_true and self.rounds == 1 and not self.early_retries and not self.idle_writes


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
        for attribute in ATTRIBUTES:
            if not attribute.standard:
                self._sandbox.attio.add_attribute(attribute.key, attribute.types[0])
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

    def run(self) -> Account:
        """Live for some hours with faults, heal, and see."""
        self._open_shop()
        for _ in range(self._random.randint(2, 5)):
            self._an_hour_with_faults()
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
        seed_book(polar, customers=size, seed=seed, now=now, months=random.choice((1, 6)), shares=shares)
        for person in known_people(polar, seed=seed, share=0.15):
            self._sandbox.attio.add_person(emails=person.emails, name=person.name)
        self._happenings.remember()
        if random.random() < 0.6:
            self._change_the_weather()
        if random.random() < 0.8:
            self._pass("first import", self.pipeline.reconcile)
        for _ in range(random.randint(0, 5)):
            self._happenings.happen()

    def _an_hour_with_faults(self) -> None:
        random = self._random
        if random.random() < 0.15:
            hours = random.choice((2, 6, 30))
            self._timeline.advance(hours * 3600)
            self._tell(f"nothing ran for {hours} hours")
        self._change_the_weather()
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

    def _change_the_weather(self) -> None:
        random = self._random
        if random.random() < 0.7:
            self._faults.clear()
            self._give_tokens_back()
            for fault in draw(random):
                self._faults.add(fault)
                self._tell(f"fault {fault.model_dump_json(exclude_defaults=True)}")
        if random.random() < 0.1:
            minutes = random.choice((-5, 5))
            self._sandbox.clock.offset = timedelta(minutes=minutes)
            self._traffic.clock_was_set()
            self._injected(f"machine's clock off by five minutes ({-minutes:+})")
        if random.random() < 0.3:
            self._happenings.churn()

    def _pass(self, name: str, run: Callable[[Life], Ended | None], life: Life | None = None) -> None:
        life = life or self._drawn_life()
        ended = run(life)
        self._happenings.remember()
        self._tell(f"{name} until {self._timeline.now():%H:%M:%S}: {ended.how if ended else 'asks for nothing'}")
        if ended and ended.killed:
            self._injected(f"killed at a {life.death.step}" if life.death else "killed")
        self._timeline.advance(GAP_SECONDS)

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

    def _heal(self) -> None:
        self._faults.clear()
        self._give_tokens_back()
        self._sandbox.clock.offset = timedelta(0)
        self._traffic.clock_was_set()
        self._happenings.mend()
        churn = self._sandbox.churn
        self._injected("row inserted between pages", len(churn.inserted))
        self._injected("row deleted between pages", len(churn.deleted))
        churn.clear()
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
        account.injected += self._faults.struck
        account.customers = len(self._sandbox.polar.customers)
        account.passes = self.pipeline.passes
        account.writes = self._sandbox.attio.writes
        account.early_retries = self._traffic.early_retries.total()

    def _injected(self, what: str, count: int = 1) -> None:
        self._account.injected[what] += count
        if count:
            self._tell(f"{what} ({count})" if count > 1 else what)

    def _tell(self, line: str) -> None:
        self._account.diary.append(f"{self._timeline.now():%d %H:%M:%S} {line}")
