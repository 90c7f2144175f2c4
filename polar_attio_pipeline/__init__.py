"""Keeps Polar's customers in Attio's People."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polar_attio_pipeline.defs.component import PolarAttioComponent

__version__ = "0.1.0"
"""The only place that states the version: the build reads it here, and so does everything that shows it. So what is
shown is the version of the code that runs, also where an installation's metadata is older, as in an edited clone."""

__all__ = ["PolarAttioComponent"]


def __getattr__(name: str) -> Any:
    """Return the component, which Dagster finds here: imported when it is asked for, because that takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from polar_attio_pipeline.defs.component import PolarAttioComponent  # noqa: PLC0415

    return PolarAttioComponent


def __dir__() -> list[str]:
    """Name the component too: Dagster lists the components of a module by this."""
    return sorted({*globals(), *__all__})
