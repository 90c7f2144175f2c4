"""What a run does, without Dagster: connect to both services, read Polar, and carry out one pass of `passes`."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.preview import Preview, preview_all
from polar_attio_pipeline.passes.reading import read_snapshot
from polar_attio_pipeline.passes.reconciliation import Reconciliation, reconcile
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.services import Pace


def default(setting: str) -> Any:
    """Return the value that a setting has unless it is set."""
    return Settings.model_fields[setting].default


@dataclass(frozen=True, slots=True)
class Run:
    """One run, in a process of its own.

    Attributes:
        id: Tells it from others.
        polar: Makes a connection to Polar.
        attio: Makes a connection to Attio.
        ledger: As this process opens it.
        pace: The configured rates.
        rules: What a pass may do.
    """

    id: str
    polar: Callable[[], ApiClient]
    attio: Callable[[], ApiClient]
    ledger: Ledger
    pace: Pace
    rules: Rules = field(default_factory=Rules)

    async def sync(
        self, hours: Sequence[datetime], done: Callable[[HourDone], None], *, expected: Collection[str] = ()
    ) -> None:
        """Read some hours, then bring their customers to Attio: the two assets of `customer_sync`, one after the other.

        Args:
            hours: Their starts, oldest first.
            done: Takes each hour as soon as it is done.
            expected: Ids of customers that the sensor has seen in these hours.

        Raises:
            Exception: as the reading and the hourly pass do.
        """
        async with self.polar() as polar:
            snapshot, _ = await read_snapshot(PolarClient(polar), self.ledger, hours)
        self.ledger.save_snapshot(self.id, hours, snapshot)
        async with self._context() as context:
            stored = self.ledger.load_snapshot(self.id, hours)
            await sync_hours(context, Hours(hours, stored, expected, retry_unresolved=True), done)

    async def reconcile(self) -> Reconciliation:
        """Reconcile everything.

        Raises:
            Exception: as the reconciliation does.
        """
        async with self._context() as context:
            return await reconcile(context)

    async def preview(self) -> Preview:
        """Say what a reconciliation would do.

        Raises:
            Exception: as the preview does.
        """
        async with self._context() as context:
            return await preview_all(context)

    @asynccontextmanager
    async def _context(self) -> AsyncIterator[PassContext]:
        async with self.polar() as polar, self.attio() as attio:
            yield PassContext(
                pass_id=self.id,
                reason="fault suite",
                polar=PolarClient(polar),
                attio=await AttioClient.connect(attio, {key: key for key in BY_KEY}),
                ledger=self.ledger,
                rules=self.rules,
                pace=self.pace,
            )
