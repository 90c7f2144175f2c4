"""What the sensor `alerts` watches, and the look that it takes in a tick."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs.names import Names


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched, and by which rules.

    Attributes:
        names: Of the instance of the pipeline: no other's runs and assets are looked at.
        start: The first hour of the partitions.
        overdue: How long after its end an hour may stay open.
        cron: When a reconciliation is due.
        ui: Dagster's address, for links.
        polar_link: Returns Polar's page of a customer.
        with_companies: Whether companies are kept.
    """

    names: Names
    start: datetime
    overdue: timedelta
    cron: str
    ui: str
    polar_link: Callable[[str], str]
    with_companies: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A look at what is watched: through which instance, and when."""

    instance: dg.DagsterInstance
    watched: Watched
    now: datetime

    def link(self, place: str) -> str:
        """Return the address of a place in Dagster's UI, such as "automation"."""
        return f"{self.watched.ui}/{place}"

    def asset_link(self, asset: dg.AssetKey) -> str:
        """Return the address of an asset in Dagster's UI."""
        return self.link(f"assets/{'/'.join(asset.path)}")
