"""What a pass is, without Dagster: assets, commands, the fault suite and the benchmarks call these."""
