"""Asset `attio_people`: every customer of an hour is in Attio, or has a reason on record why not."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from polar_attio_pipeline import processes
from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.defs.failures import in_one_sentence
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.partitions import BACKFILL_POLICY
from polar_attio_pipeline.defs.reporting import numbers, outcome_table
from polar_attio_pipeline.defs.resources import AttioResource, LedgerResource, PolarResource
from polar_attio_pipeline.hours import floor, key, parse_all
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.reading import Reading, ReadTimes, read_hours
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.storage import from_frame, read_times
from polar_attio_pipeline.sync.engine import Services, sync
from polar_attio_pipeline.sync.outcomes import Outcome, tally
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))
"""The schedule closes an hour every hour: two missed ones are a warning, three are a failure."""

READ_AT = "polar_read_at"
"""Metadata of every hour: when Polar was read for it, by Polar's clock. The run cursor rests on it."""

RETRIED = 100
"""How many rejected and ambiguous customers of other hours one pass tries again; a reconciliation tries them all."""


class AttioPeopleConfig(dg.Config):
    """What a run of `attio_people` does beside its own hours."""

    retry_unresolved: bool = False
    """Try rejected and ambiguous customers of other hours again, freshly read. The schedule and the sensor set it."""

    expected: list[str] = []  # noqa: RUF012  # Dagster's configuration copies it
    """Polar's ids of customers that the sensor saw in these hours."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What became of one hour's customers, and at what cost."""

    start: datetime
    outcomes: Sequence[Outcome]
    requests: int
    seconds: float
    read_at: datetime


def build_attio_people(partitions: dg.HourlyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset over these hours."""

    @dg.asset(
        partitions_def=partitions,
        backfill_policy=BACKFILL_POLICY,
        pool="attio",
        freshness_policy=FRESHNESS,
        group_name="polar_to_attio",
        kinds={"attio"},
        description="The people of Attio who are the customers of an hour: found by Polar id, then by address; created "
        "or updated where something differs. Every customer's outcome is in the ledger.",
    )
    def attio_people(  # noqa: PLR0913, PLR0917  # a parameter a resource, as Dagster wants them
        context: dg.AssetExecutionContext,
        config: AttioPeopleConfig,
        polar_customers: pd.DataFrame,
        polar: PolarResource,
        attio: AttioResource,
        ledger: LedgerResource,
        options: PassOptions,
    ) -> dg.MaterializeResult[None]:
        context.instance.add_run_tags(context.run.run_id, {processes.TAG: processes.identity()})
        starts = parse_all(context.partition_keys)
        store = ledger.open()
        done: list[Hour] = []

        async def run() -> list[Outcome]:
            async with polar.client() as book, attio.client() as people:
                one_pass = _Pass(context.run.run_id, book, people, store, options)
                reading = await one_pass.fresh(starts, polar_customers)
                for position, start in enumerate(starts):
                    if one_pass.is_old(reading.times.here):
                        reading = await read_hours(book, starts[position:])
                    done.append(await one_pass.hour(start, reading))
                    if start != starts[-1]:
                        # Dagster records a range when all of it is done; a run that dies must keep what it finished.
                        context.log_event(
                            dg.AssetMaterialization("attio_people", metadata=_report(done[-1]), partition=key(start))
                        )
                return await one_pass.retry(reading) if config.retry_unresolved else []

        with in_one_sentence():
            retried = asyncio.run(run())
        for hour in done:
            context.add_asset_metadata(_report(hour), partition_key=key(hour.start))
        if not retried:
            return dg.MaterializeResult()
        return dg.MaterializeResult(metadata={"retried from other hours": outcome_table(retried)})

    return attio_people


def _report(hour: Hour) -> dict[str, Any]:
    return {
        **numbers(tally(hour.outcomes), requests=hour.requests, seconds=hour.seconds),
        "outcomes": outcome_table(hour.outcomes),
        READ_AT: dg.TimestampMetadataValue(hour.read_at.timestamp()),
    }


@dataclass
class _Pass:
    """One run over some hours."""

    run_id: str
    book: PolarClient
    people: AttioClient
    ledger: Ledger
    options: PassOptions

    async def fresh(self, starts: list[datetime], snapshot: pd.DataFrame) -> Reading:
        """Return the stored snapshot, or what Polar says now if the snapshot may be older than what Attio holds."""
        written = self.ledger.last_synced(not_by=self.run_id)
        read = read_times(snapshot)
        if read is None:
            return await read_hours(self.book, starts)
        times = ReadTimes(*read)
        if self.is_old(times.here) or (written is not None and written > times.here):
            return await read_hours(self.book, starts)
        customers, unreadable = from_frame(snapshot)
        return Reading(customers, unreadable, 0, times)

    def is_old(self, read_at: datetime) -> bool:
        """Tell whether what was read then may not be written from any more."""
        return datetime.now(UTC) - read_at > self.options.snapshot_age

    async def hour(self, start: datetime, reading: Reading) -> Hour:
        """Bring one hour's customers to Attio."""
        began = time.monotonic()
        before = self._requests()
        unreadable = [row for row in reading.unreadable if row.created_at and floor(row.created_at) == start]
        customers = [customer for customer in reading.customers if floor(customer.created_at) == start]
        outcomes = await self._sync(customers, unreadable)
        return Hour(start, outcomes, self._requests() - before, time.monotonic() - began, reading.times.polar)

    async def retry(self, reading: Reading) -> list[Outcome]:
        """Try unresolved customers of other hours again, as Polar has them now; forget those who are gone."""
        in_hand = {customer.id for customer in reading.customers}
        due = [customer_id for customer_id in self.ledger.to_retry(limit=RETRIED) if customer_id not in in_hand]
        answers = await asyncio.gather(*map(self.book.customer, due), return_exceptions=True)
        found: list[Customer] = []
        gone: list[str] = []
        for customer_id, answer in zip(due, answers, strict=True):
            match answer:
                case Customer():
                    found.append(answer)
                case None:
                    gone.append(customer_id)
                case RecordError() | UnavailableError():
                    # The hours of this run are done: who cannot be asked for now waits for a later pass.
                    pass
                case _:
                    raise answer
        self.ledger.forget(gone)
        return await self._sync(found)

    async def _sync(self, customers: Sequence[Customer], unreadable: Sequence[Outcome] = ()) -> list[Outcome]:
        services = Services(self.people, self.book, self.people.workspace.targets, self.options.overwrite_typed)
        outcomes = list(unreadable)
        if not customers and not unreadable:
            return outcomes
        with self.ledger.recording(self.run_id) as record:
            record(unreadable)

            def keep(known: Sequence[Outcome]) -> None:
                outcomes.extend(known)
                record(known)

            await sync(customers, services, keep)
        return outcomes

    def _requests(self) -> int:
        return self.book.api.stats.requests.total() + self.people.api.stats.requests.total()
