"""What Dagster's UI shows of the pipeline beside its names: the group, the owners and the tags, put on in one place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

GROUP = "polar_to_attio"
"""The group of the assets where nobody names another one, before its prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is put on every asset, and the tags on every job and its runs as well.

    Attributes:
        group: Of the assets.
        owners: Addresses, or teams as in team:growth.
        tags: Beside those that the pipeline has itself.
    """

    group: str
    owners: Sequence[str]
    tags: Mapping[str, str]

    def made(self, assets: Iterable[dg.AssetsDefinition]) -> Sequence[dg.AssetsDefinition]:
        """Return assets that the pipeline makes, with these labels.

        Raises:
            dagster.DagsterInvalidDefinitionError: Dagster does not take one of the labels.
        """
        return dg.map_asset_specs(self._on, assets)

    def external(self, assets: Iterable[dg.AssetSpec]) -> Sequence[dg.AssetSpec]:
        """Return assets that the pipeline only describes, with these labels.

        Raises:
            dagster.DagsterInvalidDefinitionError: Dagster does not take one of the labels.
        """
        return dg.map_asset_specs(self._on, assets)

    def _on(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.merge_attributes(tags=self.tags).replace_attributes(group_name=self.group, owners=self.owners)
