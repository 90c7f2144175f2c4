"""What `polar-attio demo` runs: the real definitions, in this process, against a sandbox of its own."""

import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from rich.console import Console

from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.cli.wrapping import counted
from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.setting_files import no_files
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.outcomes import Result

CUSTOMERS = 300
NEWEST_HOURS = 3

_console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Account:
    """What a run did, by its own materialisations and by what the sandbox saw."""

    counts: dict[Result, int]
    writes: int
    seconds: float


def run() -> None:
    """Run the demo and say what happens; raises what a run raises."""
    sandbox = Sandbox()
    sandbox.fill(customers=CUSTOMERS, seed=1)
    with serving(sandbox) as url, tempfile.TemporaryDirectory() as state:
        database = Path(state) / "ledger.db"
        _use(url, database)
        _say(f"A sandbox stands in for Polar ({CUSTOMERS} customers) and Attio ({sandbox.known} people typed by hand).")
        _say("\n[bold]1. polar-attio setup[/] creates the attributes in Attio")
        setup()
        with dg.DagsterInstance.ephemeral() as instance:
            _walk_through(sandbox, Pipeline(instance, sandbox), Ledger(database))
        _say(
            "\nNext: [bold]polar-attio init FOLDER[/], and [bold]polar-attio dev FOLDER[/] starts the Dagster UI there "
            "on a sandbox of its own."
        )


def _walk_through(sandbox: Sandbox, pipeline: "Pipeline", ledger: Ledger) -> None:
    _say("\n[bold]2. full_reconciliation[/], the first import: all of Polar's customers against Attio")
    first = pipeline.reconcile()
    _tell(first)
    for row in ledger.unresolved(limit=20):
        _say(f"   {row.outcome} [dim]{row.polar_customer_id}[/] {row.reason}: {row.detail}")

    sandbox.polar.add_customer(email="grace.hopper@example.com", name="Grace Hopper")
    _say(f"\n[bold]3. customer_sync[/] over the newest {NEWEST_HOURS} hours, after somebody new has bought")
    newest = pipeline.sync_newest()
    _tell(newest)

    _say("\n[bold]4. The same again[/]: nothing differs, so nothing is written")
    again = pipeline.sync_newest()
    whole = pipeline.reconcile()
    _tell(again)
    _tell(whole)

    _say("\nIn all, from the import to the second pass over everything:")
    for label, account in (("first import", first), ("newest hours", newest), ("second pass", whole)):
        shown = [result for result in Result if result is not Result.EXCLUDED or account.counts[result]]
        counts = "  ".join(f"{result.value} {account.counts[result]:>3}" for result in shown)
        _say(f"   {label:<13} {counts}  [dim]({_writes(account)})[/]")


class Pipeline:
    """The real definitions, run in this process.

    Args:
        instance: Where Dagster keeps its state.
        sandbox: Counts what reaches Attio.
    """

    def __init__(self, instance: dg.DagsterInstance, sandbox: Sandbox) -> None:
        self._instance = instance
        self._sandbox = sandbox
        self._defs = build(Settings())

    def reconcile(self) -> Account:
        """Run the job full_reconciliation."""
        return self._run("full_reconciliation", {})

    def sync_newest(self) -> Account:
        """Run the job customer_sync over the newest hours, the running one included."""
        last = floor(datetime.now(UTC))
        return self._run("customer_sync", range_tags(last - HOUR * (NEWEST_HOURS - 1), last))

    def _run(self, job: str, tags: dict[str, str]) -> Account:
        began = time.monotonic()
        before = self._sandbox.attio.writes
        result = self._defs.resolve_job_def(job).execute_in_process(
            instance=self._instance, tags=tags, run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
        )
        # An hour of a range is on record twice: when it is done, and when all are.
        newest = {
            (event.asset_key, event.partition): event.materialization.metadata
            for event in result.get_asset_materialization_events()
        }
        counted = [metadata for (asset, _), metadata in newest.items() if asset != dg.AssetKey("polar_customers")]
        counts = {
            found: sum(int(str(metadata[found.value].value)) for metadata in counted if found.value in metadata)
            for found in Result
        }
        return Account(counts, self._sandbox.attio.writes - before, time.monotonic() - began)


def _use(url: str, database: Path) -> None:
    """Point the pipeline at the sandbox, as a person would by environment."""
    os.environ.update(
        {
            **no_files(Settings.model_fields),
            "POLAR_API_URL": url,
            "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
            "ATTIO_API_URL": url,
            "ATTIO_API_KEY": ATTIO_TOKEN,
            "POLAR_ATTIO_DATABASE_URL": str(database),
            # Shortly after midnight the newest hours are those of yesterday.
            "POLAR_ATTIO_START_DATE": (datetime.now(UTC).date() - timedelta(days=1)).isoformat(),
        }
    )


def _tell(account: Account) -> None:
    counts = ", ".join(f"{count} {result.value}" for result, count in account.counts.items())
    _say(f"   {counts}: {_writes(account)} in {account.seconds:.1f} s")


def _writes(account: Account) -> str:
    return counted(account.writes, "write", "writes")


def _say(text: str) -> None:
    _console.print(text)
