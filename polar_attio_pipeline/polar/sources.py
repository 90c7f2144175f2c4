"""What Polar says of a customer beside what the core always needs: as much of it as is wanted, and nothing more."""

from collections.abc import Collection, Mapping
from typing import Any

from polar_attio_pipeline.sync.mapped import METADATA
from polar_attio_pipeline.sync.records import Scalar

SaidByCustomer = tuple[tuple[str, Scalar | None], ...]
"""Values by where they are from, as in `Customer.mapped`."""


def said_by(item: Mapping[str, Any], sources: Collection[str]) -> SaidByCustomer:
    """Return what a listed customer says, without what it does not say.

    Args:
        item: As listed.
        sources: `metadata.` and a key, or a field, or `billing_address.` and a field of it. Of a tax id, which Polar
            lists with its format, the number is taken.
    """
    return tuple((source, value) for source in sources for value in _said(item, source))


def _said(item: Mapping[str, Any], source: str) -> tuple[Scalar | None, ...]:
    """Return one value, None where it cannot be read, or nothing at all."""
    if source.startswith(METADATA):
        return _part(item, "metadata", source.removeprefix(METADATA))
    outer, _, inner = source.partition(".")
    if inner:
        return _part(item, outer, inner)
    value = item.get(source)
    if source == "tax_id" and isinstance(value, list | tuple):
        value = value[0] if value else None
    return _scalar(value)


def _part(item: Mapping[str, Any], outer: str, inner: str) -> tuple[Scalar | None, ...]:
    whole = item.get(outer)
    return _scalar(whole.get(inner)) if isinstance(whole, Mapping) else ()


def _scalar(value: Any) -> tuple[Scalar | None, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str | int | float | bool) else (None,)
