"""The code location that Dagster loads."""

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.passes.installation import recorded
from polar_attio_pipeline.settings import Settings

defs = build(recorded(Settings()))
