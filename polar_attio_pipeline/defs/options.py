"""The settings that decide what a pass may do, as a Dagster resource, so that a run shows them."""

from datetime import timedelta

import dagster as dg
from pydantic import Field

from polar_attio_pipeline.passes.companies import CompanyRules
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sync.audience import Audience


class Approvals(dg.Config):
    """What the person who launches a run approves."""

    approve: list[str] = Field(
        default_factory=list,
        description="Leave it empty, unless an earlier run was stopped before its first write and you have looked at "
        "what it would do: then write what its message names, such as [many-changes]. It counts for this run alone, "
        "and a re-execution of it approves nothing.",
    )


class PassOptions(dg.ConfigurableResource[None]):
    """What a pass may do; the meanings and defaults stand in `settings`."""

    overwrite_typed: bool = False
    audience: Audience = Audience.EVERYBODY
    snapshot_minutes: float = Field(default=5, ge=0)
    unmark_orphaned: bool = False
    unmark_max_share: float = Field(default=0.1, ge=0, le=1)
    shrink_max_share: float = Field(default=0.2, ge=0, le=1)
    change_max_share: float = Field(default=0.2, ge=0, le=1)
    change_min_people: int = Field(default=25, ge=0)
    history_days: int = Field(default=730, ge=0)
    forget_deleted_days: int = Field(default=90, ge=0)
    failed_error_share: float = Field(default=0.05, ge=0, le=1)
    company_slugs: dict[str, str] = Field(
        default_factory=dict, description="As `slugs` of the resource attio, for companies."
    )
    company_deny: list[str] = Field(default_factory=list)
    telemetry: bool = False
    log_format: str = "text"

    def rules(self) -> Rules:
        """Return what a pass may do."""
        return Rules(
            overwrite_typed=self.overwrite_typed,
            audience=self.audience,
            snapshot_age=timedelta(minutes=self.snapshot_minutes),
            unmark_orphaned=self.unmark_orphaned,
            unmark_max_share=self.unmark_max_share,
            shrink_max_share=self.shrink_max_share,
            change_max_share=self.change_max_share,
            change_min_people=self.change_min_people,
            history_days=self.history_days,
            forget_deleted_days=self.forget_deleted_days,
        )

    def company_rules(self) -> CompanyRules:
        """Return what a pass over companies has to know beside."""
        return CompanyRules(slugs=self.company_slugs, deny=frozenset(self.company_deny))
