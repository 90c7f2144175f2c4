"""Dagster's instance: the pool, and what ends runs that have died."""

from collections.abc import Iterator

from polar_attio_pipeline.cli.checks.finding import Finding, Level


def instance(home: str, prefix: str) -> Iterator[Finding]:
    """Judge what the pipeline relies on in an instance of Dagster.

    Args:
        home: The folder that DAGSTER_HOME names; blank for none.
        prefix: Of the names of the pipeline.
    """
    if not home.strip():
        yield Finding(
            "Dagster",
            Level.OK,
            "No instance was looked at: DAGSTER_HOME is not set. Set it to the folder with the file dagster.yaml that "
            "Dagster runs with.",
        )
        return
    # Imported where it is of use only: Dagster takes seconds to load.
    from polar_attio_pipeline.defs.instance import InstanceUnknownError, conditions_of  # noqa: PLC0415
    from polar_attio_pipeline.defs.names import Names  # noqa: PLC0415

    try:
        conditions = conditions_of(home, Names(prefix))
    except InstanceUnknownError as error:
        yield Finding("Dagster", Level.WARN, str(error))
        return
    for condition in conditions:
        yield Finding(condition.subject, Level.OK if condition.holds else Level.WARN, condition.text)
