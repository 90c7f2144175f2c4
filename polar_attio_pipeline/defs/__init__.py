"""Everything that knows Dagster: when a pass runs, and what the UI shows of it."""
