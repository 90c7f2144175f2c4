"""The sync taken out of Attio on a stage."""

import asyncio
from dataclasses import dataclass, field

from polar_attio_pipeline.passes.uninstall import Extent, Uninstalled, uninstall
from polar_attio_pipeline.sync.undo.values import Item, Verdict
from polar_attio_pipeline_tests.passes.stage import Stage


@dataclass
class TakenOut:
    """What became of the sync's values.

    Attributes:
        done: What the pass returned.
        items: What it said of each value.
    """

    done: Uninstalled
    items: list[Item] = field(default_factory=list)

    def of(self, record_id: str, key: str = "") -> Item:
        """What became of one attribute, or of a record as a whole."""
        (found,) = (item for item in self.items if (item.record_id, item.key) == (record_id, key))
        return found

    def kinds(self) -> set[Verdict]:
        return {item.verdict for item in self.items}


def take_out(stage: Stage, *, all_marked: bool = False, archive: bool = False, dry_run: bool = False) -> TakenOut:
    """Take the sync out of Attio; raises what it raises."""
    found: list[Item] = []

    async def run() -> Uninstalled:
        async with stage.context() as context:
            extent = Extent(all_marked=all_marked, archive=archive)
            return await uninstall(context, extent, found.extend, dry_run=dry_run)

    return TakenOut(asyncio.run(run()), found)
