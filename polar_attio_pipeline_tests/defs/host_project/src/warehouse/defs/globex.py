"""Polar's customers of Globex in Attio. Its settings are in the environment, such as GLOBEX_POLAR_ACCESS_TOKEN."""

import dagster as dg

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.settings import Settings


@dg.definitions
def globex() -> dg.Definitions:
    """Return the pipeline of this organization."""
    return build(Settings(_env_prefix="GLOBEX_", _env_file=None), prefix="globex")
