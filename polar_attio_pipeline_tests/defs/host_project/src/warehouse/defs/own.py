"""What the project has of its own: an asset, a resource, a logger, and an executor of one process a step."""

import logging
import os

import dagster as dg


class Warehouse(dg.ConfigurableResource[None]):
    """Where the project keeps its tables."""

    schema_name: str


@dg.asset
def revenue(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Say in which process, and in which schema, it was made."""
    return dg.MaterializeResult(metadata={"schema": warehouse.schema_name, "process": os.getpid()})


@dg.logger
def plain_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Log to where Python does."""
    return logging.getLogger("warehouse")


@dg.definitions
def own() -> dg.Definitions:
    """Return the project's own definitions."""
    return dg.Definitions(
        assets=[revenue],
        resources={"warehouse": Warehouse(schema_name="reporting")},
        executor=dg.multiprocess_executor.configured({"max_concurrent": 2}),
        loggers={"plain": plain_logger},
    )
