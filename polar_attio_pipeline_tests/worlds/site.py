"""A world whose passes are watched and can be killed: both services in process, and a ledger on a file."""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TypeVar

from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.faults.life import Death, KilledError, MortalLedger
from polar_attio_pipeline_tests.faults.life import Life as Lifetime
from polar_attio_pipeline_tests.passes.world import IMPATIENT, UNLIMITED, World
from polar_attio_pipeline_tests.worlds.witness import OTHERS, Wire, Witness

_Result = TypeVar("_Result")

MOST_RUNS = 200
"""No pass over a small world needs to be begun again more often, be it killed at each of its writes."""


class Site(World):
    """One world.

    Args:
        file: Of the ledger.
        template: An empty ledger, to be copied there.
        random: Draws when members work on while a pass runs.

    Attributes:
        witness: Of what happens in Attio.
        members_work: What members do while passes run; it is called now and then.
        kinds: For each pass by its id, what it was for.
        killed: The passes that were killed.
    """

    def __init__(self, file: Path, template: Path, random: Random) -> None:
        super().__init__(file, template)
        self.witness = Witness(self)
        self.wire = Wire(create_app(self.sandbox), self.witness)
        self.wire.meanwhile = self._meanwhile
        self.members_work: Callable[[], None] | None = None
        self.kinds: dict[str, str] = {}
        self.killed: list[str] = []
        self._random = random
        self._ids = itertools.count(1)

    async def run(
        self, kind: str, work: Callable[[PassContext], Awaitable[_Result]], death: Death | None = None
    ) -> _Result | None:
        """Run a pass as a process of its own.

        Args:
            kind: What it is for.
            work: The pass.
            death: When it is killed.

        Returns:
            What the pass returned; None if it was killed.
        """
        pass_id = f"{kind}-{next(self._ids)}"
        self.kinds[pass_id] = kind
        self.wire.pass_id, self.wire.lifetime = pass_id, Lifetime(death)
        with self.witness.running(pass_id):
            return await self._run(pass_id, work)

    async def _run(self, pass_id: str, work: Callable[[PassContext], Awaitable[_Result]]) -> _Result | None:
        ledger = MortalLedger(str(self.ledger_file), self.wire.lifetime)
        polar = polar_api(
            token=SecretStr(POLAR_TOKEN),
            base_url="http://sandbox",
            requests_per_minute=UNLIMITED,
            retry=IMPATIENT,
            transport=self.wire,
        )
        attio = attio_api(
            api_key=SecretStr(ATTIO_TOKEN),
            base_url="http://sandbox",
            reads_per_second=UNLIMITED,
            writes_per_second=UNLIMITED,
            retry=IMPATIENT,
            transport=self.wire,
        )
        try:
            async with polar, attio:
                context = PassContext(
                    pass_id=pass_id,
                    reason="seeded world",
                    polar=PolarClient(polar),
                    attio=await AttioClient.connect(attio, {key: key for key in BY_KEY}),
                    ledger=ledger,
                    rules=self.rules,
                    pace=Pace(writes=UNLIMITED, questions=UNLIMITED),
                )
                return await work(context)
        except BaseException:
            if not self.wire.lifetime.dead:
                raise
            self.killed.append(pass_id)
            self._end_lease()
            return None
        finally:
            with suppress(KilledError):
                ledger.close()

    async def run_through(
        self, kind: str, work: Callable[[PassContext], Awaitable[_Result]], deaths: Callable[[int], Death | None]
    ) -> _Result:
        """Run a pass again and again until it comes to its end.

        Args:
            kind: What it is for.
            work: The pass.
            deaths: Says when the so-manieth run, from 0, is killed.
        """
        for number in range(MOST_RUNS):
            result = await self.run(kind, work, deaths(number))
            if result is not None:
                return result
        raise AssertionError(f"{kind} does not come to its end")

    def passes(self, kind: str) -> list[str]:
        """The ids of the passes of a kind, the oldest first."""
        return [pass_id for pass_id, its_kind in self.kinds.items() if its_kind == kind]

    def happens(self, what: Callable[[], None]) -> None:
        """Let something happen that no pass does."""
        with self.witness.watching(OTHERS):
            what()

    def _meanwhile(self) -> None:
        if self.members_work and self._random.random() < 1 / 4:
            self.happens(self.members_work)

    def _end_lease(self) -> None:
        """Free the lease of a process that was killed, which the next one would do after some waiting."""
        holder = self.ledger.lease_holder()
        token = self.ledger.acquire_lease("nobody", "nothing", instead_of=holder)
        if token is not None:
            self.ledger.release_lease(token)
