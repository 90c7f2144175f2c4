"""The code location that Dagster loads."""

import dagster as dg

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.passes.installation import recorded
from polar_attio_pipeline.settings import Settings

defs = dg.Definitions.merge(build(recorded(Settings())), dg.Definitions(executor=dg.in_process_executor))
