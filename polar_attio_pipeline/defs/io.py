"""The IO manager of `polar_customers`: a snapshot in the ledger, a data frame to everybody else."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import SecretStr

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.hours import parse_all
from polar_attio_pipeline.ledger import Ledger, Snapshot

if TYPE_CHECKING:
    import pandas as pd


class SnapshotIOManager(dg.ConfigurableIOManager):
    """Keeps what a run read of its hours, and gives it to the assets of the same run only.

    An asset whose input is annotated with `Snapshot | None` gets the snapshot, None if the run has none of all its
    hours; every other one a data frame, without rows and times in that case.
    """

    url: dg.ResourceDependency[SecretStr]

    def handle_output(self, context: dg.OutputContext, obj: Snapshot) -> None:
        """Keep this run's snapshot of its hours."""
        with explained_failures():
            self._ledger().save_snapshot(self._run_id(), parse_all(context.asset_partition_keys), obj)

    def load_input(self, context: dg.InputContext) -> "Snapshot | pd.DataFrame | None":
        """Return this run's snapshot of its hours."""
        with explained_failures():
            snapshot = self._ledger().load_snapshot(self._run_id(), parse_all(context.asset_partition_keys))
        if context.dagster_type.typing_type == Snapshot | None:
            return snapshot
        # Here because pandas takes half a second and 50 MB, and no asset of this project needs it.
        from polar_attio_pipeline.defs.frames import to_frame  # noqa: PLC0415

        return to_frame(snapshot)

    def _ledger(self) -> Ledger:
        return Ledger(self.url.get_secret_value())

    def _run_id(self) -> str:
        # Not the context's: for an asset of a run that is resumed, that is the run that read it.
        run = self.get_resource_context().run
        assert run, "assets are made in runs"
        return run.run_id
