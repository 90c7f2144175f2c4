"""The settings that decide what a pass may do, as a Dagster resource, so that a run shows them."""

from datetime import timedelta

import dagster as dg
from pydantic import Field


class PassOptions(dg.ConfigurableResource[None]):
    """What a pass may do; the meanings and defaults stand in `settings`."""

    overwrite_typed: bool = False
    snapshot_minutes: float = Field(default=5, ge=0)
    unmark_gone: bool = False
    unmark_max_share: float = Field(default=0.1, ge=0, le=1)
    failed_error_share: float = Field(default=0.05, ge=0, le=1)

    @property
    def snapshot_age(self) -> timedelta:
        """How old a stored snapshot may be to be written from."""
        return timedelta(minutes=self.snapshot_minutes)
