"""The calendar of subscriptions."""

import calendar
from datetime import datetime, timedelta

from polar_attio_pipeline.sandbox.polar.billing_rows import Interval


def after(moment: datetime, interval: Interval, count: int = 1) -> datetime:
    """Return when a period that begins then ends; a month that is too short ends it on its last day."""
    if interval == "day":
        return moment + timedelta(days=count)
    if interval == "week":
        return moment + timedelta(weeks=count)
    months = count * (12 if interval == "year" else 1)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
