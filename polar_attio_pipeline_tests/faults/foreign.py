"""A pass with the token of another organization, half of whose customers have addresses of ours: it changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.faults.harm import read_rows
from polar_attio_pipeline_tests.faults.life import Life
from polar_attio_pipeline_tests.faults.machines import Machine
from polar_attio_pipeline_tests.faults.pipeline import Ended, Pipeline

CUSTOMERS = 12
"""Of the other organization."""

_MACHINE = Machine(token=OTHER_POLAR_TOKEN)


def found_other_organization(polar: PolarWorld, random: Random) -> None:
    """Add an organization: half of its customers have the address of one of ours, some came in the last hours."""
    other = polar.add_organization()
    addresses = [row.email for row in polar.customers.values() if row.email]
    shared = random.sample(addresses, min(len(addresses), CUSTOMERS // 2))
    own = [f"stranger-{number}@example.org" for number in range(CUSTOMERS - len(shared))]
    for email in (*shared, *own):
        age = timedelta(minutes=random.choice((1, 70, 600, 90_000)))
        other.add_customer(email=email, name="Somebody Else", created_at=polar.clock() - age)


def one_pass(sandbox: Sandbox, pipeline: Pipeline, random: Random) -> tuple[str, Ended | None, list[str]]:
    """Run a pass of any kind with that token; return which, how it ended, and what it has changed."""
    name, run = random.choice(_passes(pipeline))
    writes, rows = sandbox.attio.writes, read_rows(pipeline.database)
    ended = run(Life(), _MACHINE)
    changed: list[str] = []
    if sandbox.attio.writes != writes:
        changed.append(f"{name}: {sandbox.attio.writes - writes} writes to Attio")
    if read_rows(pipeline.database) != rows:
        changed.append(f"{name}: outcomes in the ledger")
    return name, ended, changed


def _passes(pipeline: Pipeline) -> list[tuple[str, Callable[[Life, Machine], Ended | None]]]:
    return [
        ("hour", pipeline.close_hour),
        ("tick", pipeline.tick),
        ("reconciliation", pipeline.reconcile),
        ("preview", pipeline.preview),
    ]
