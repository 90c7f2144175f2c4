"""Monthly recurring revenue of one subscription, in whole numbers, by Polar's own arithmetic."""

_MONTHS: dict[str, tuple[int, int]] = {"year": (1, 12), "month": (1, 1), "week": (52, 12), "day": (365, 12)}
"""How often an interval comes in a month, as a fraction: Polar's own factors (`server/polar/metrics`)."""


def monthly(minor: int, interval: str, interval_count: int) -> int | None:
    """Return what an amount per period makes in a month.

    Args:
        minor: The amount per period, in the currency's smallest unit.
        interval: `day`, `week`, `month` or `year`.
        interval_count: How many intervals a period has.

    Returns:
        The revenue in the same unit, rounded to a whole one, halves up, as Polar rounds each subscription. Zero for an
        amount below zero: nobody is paid for a subscription. None for an interval that is not known.
    """
    factor = _MONTHS.get(interval)
    if factor is None or interval_count < 1:
        return None
    times, per = factor
    parts = per * interval_count
    return max(0, (2 * minor * times + parts) // (2 * parts))
