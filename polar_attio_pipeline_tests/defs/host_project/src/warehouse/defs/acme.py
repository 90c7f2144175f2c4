"""Polar's customers of Acme in Attio. Its settings are in the environment, such as ACME_POLAR_ACCESS_TOKEN."""

import dagster as dg

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.settings import Settings


@dg.definitions
def acme() -> dg.Definitions:
    """Return the pipeline of this organization."""
    return build(Settings(_env_prefix="ACME_", _env_file=None), prefix="acme")
