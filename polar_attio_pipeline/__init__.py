"""Keeps Polar's customers in Attio's People."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polar_attio_pipeline.defs.component import PolarAttioComponent

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
