"""`GET /v1/metrics/`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.listing import is_any_of, matching
from polar_attio_pipeline.sandbox.polar.metrics import (
    METRICS,
    OF_TOTALS,
    OTHER_SLUGS,
    Counted,
    Metric,
    Paid,
    Period,
    Values,
    monthly,
)
from polar_attio_pipeline.sandbox.polar.metrics_calendar import beginning, beginnings, first_moment, last_moment
from polar_attio_pipeline.sandbox.polar.metrics_params import MetricsQuery, check_metrics_query
from polar_attio_pipeline.sandbox.polar.params import parse_query
from polar_attio_pipeline.sandbox.polar.periods import after
from polar_attio_pipeline.sandbox.polar.render import timestamp
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

_WINDOW = timedelta(days=30)


def metrics(world: PolarWorld, request: Request) -> Response:
    """Return what the charts say of each interval and of all of them."""
    query = parse_query(MetricsQuery, request.query_params)
    check_metrics_query(query, OTHER_SLUGS | METRICS.keys())
    wanted = {slug: metric for slug, metric in METRICS.items() if query.metrics is None or slug in query.metrics}
    with world.lock:
        world.settle()
        book = _Book(query, _of(world, query, world.subscriptions), _of(world, query, world.orders), world.clock())
        subscriptions = {row.id: row for row in world.subscriptions}
    periods = list(book.periods(subscriptions))
    computed = {slug: METRICS[slug] for slug in (*wanted, *OF_TOTALS)}
    values = [{slug: metric.value(period) for slug, metric in computed.items()} for period in periods]
    return Json(_answer(wanted, query, periods, values))


def _of(world: PolarWorld, query: MetricsQuery, rows: Iterable[Any]) -> Sequence[Any]:
    """Return the rows that the filters let through."""
    if not is_any_of(world.organization.id, query.organization_id):
        return []
    return matching(
        list(rows),
        (query.product_id, lambda row: row.product.id),
        (query.billing_type, lambda row: row.product.billing_type),
        (query.customer_id, lambda row: row.customer_id),
    )


def _answer(
    wanted: dict[str, Metric], query: MetricsQuery, periods: Sequence[Period], values: Sequence[Values]
) -> dict[str, Any]:
    return {
        "periods": [
            {
                "timestamp": timestamp(period.begins.astimezone(query.zone)),
                **{slug: found[slug] for slug in wanted},
            }
            for period, found in zip(periods, values, strict=True)
        ],
        "totals": {slug: metric.total(slug, values) for slug, metric in wanted.items()},
        "metrics": {
            slug: {"slug": slug, "display_name": metric.display_name, "type": metric.type}
            for slug, metric in wanted.items()
        },
    }


@dataclass(frozen=True)
class _Book:
    """What the charts are made of."""

    query: MetricsQuery
    subscriptions: Sequence[Subscription]
    orders: Sequence[Order]
    now: datetime

    def periods(self, subscriptions: dict[str, Subscription]) -> Iterator[Period]:
        """Yield every interval, in order.

        Args:
            subscriptions: All of them by id, also those that the filters leave out: orders refer to them.
        """
        query = self.query
        counted = self._counted
        paid = [
            (self._cut(order.created_at), self._paid(order, subscriptions))
            for order in self.orders
            if order.paid and order.created_at <= self._end
        ]
        for begins in beginnings(query.start_date, query.end_date, query.interval, query.zone):
            yield Period(
                begins=begins,
                running=[one for one in counted if _runs(one, begins)],
                begun=sum(one.started == begins and self._is_within(one.row.started_at) for one in counted),
                churned=sum(one.ended == begins and self._is_within(_end(one.row)) for one in counted),
                canceled=[
                    row
                    for row in self.subscriptions
                    if self._cut(row.canceled_at) == begins and self._is_within(row.canceled_at)
                ],
                churn_rate=self._churn_rate(begins),
                orders=[one for at, one in paid if at == begins and self._is_within(one.row.created_at)],
                orders_so_far=[one for at, one in paid if at is not None and at <= begins],
            )

    @cached_property
    def _start(self) -> datetime:
        return first_moment(self.query.start_date, self.query.zone)

    @cached_property
    def _end(self) -> datetime:
        return last_moment(self.query.end_date, self.query.zone)

    @cached_property
    def _counted(self) -> Sequence[Counted]:
        now = beginning(self.now, self.query.interval, self.query.zone)
        found = []
        for row in self.subscriptions:
            ended = self._cut(_end(row))
            found.append(
                Counted(
                    row=row,
                    started=self._cut(row.started_at),
                    ended=ended,
                    trial_ended=self._cut(row.trial_end),
                    is_committed=ended is None or ended < now,
                    monthly=monthly(row),
                )
            )
        return [one for one in found if self._overlaps(one.row)]

    def _cut(self, moment: datetime | None) -> datetime | None:
        return None if moment is None else beginning(moment, self.query.interval, self.query.zone)

    def _is_within(self, moment: datetime | None) -> bool:
        return moment is not None and self._start <= moment <= self._end

    def _overlaps(self, row: Subscription) -> bool:
        end = _end(row)
        return (row.started_at is None or row.started_at <= self._end) and (end is None or end >= self._start)

    def _paid(self, order: Order, subscriptions: dict[str, Subscription]) -> Paid:
        if order.subscription_id is None:
            return Paid(order, is_new=None)
        started = subscriptions[order.subscription_id].started_at
        return Paid(order, is_new=self._cut(started) == self._cut(order.created_at))

    def _churn_rate(self, begins: datetime) -> float:
        if self.query.interval == "year":
            start, end = begins, after(begins, "year")
        else:
            start, end = begins - _WINDOW, begins
        canceled = sum(row.canceled_at is not None and start <= row.canceled_at < end for row in self.subscriptions)
        ran = sum(
            (row.started_at is None or row.started_at <= start) and ((until := _end(row)) is None or until > start)
            for row in self.subscriptions
        )
        return canceled / ran if ran else 0.0


def _end(row: Subscription) -> datetime | None:
    return row.ended_at or row.ends_at


def _runs(one: Counted, begins: datetime) -> bool:
    return (one.started is None or one.started <= begins) and (one.ended is None or one.ended > begins)
