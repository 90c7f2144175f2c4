"""What Polar says, in the types of a workspace: only what there is something to say about."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.records import Customer, Value, ValueType
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, customer


def values(of: Customer, targets: tuple[Target, ...]) -> dict[str, Value | None]:
    return wanted(of, targets).values


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_what_polar_does_not_know_is_not_sent(nothing: str | None) -> None:
    said = values(customer(name=nothing, external_id=nothing, country=nothing), TARGETS)
    assert said.keys() == {
        "polar_customer", "polar_customer_id", "polar_customer_url", "polar_customer_since", "polar_customer_type"
    }  # fmt: skip


def test_only_what_the_workspace_has_is_sent() -> None:
    required = tuple(target for target in TARGETS if target.attribute.required)
    assert values(customer(), required) == {"polar_customer": True, "polar_customer_id": ADA}


def test_a_time_is_written_in_utc_and_as_a_day_where_the_workspace_has_a_date() -> None:
    late = datetime(2026, 4, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    since = BY_KEY["polar_customer_since"]
    as_time = values(customer(created_at=late), (Target(since, ValueType.TIMESTAMP),))
    as_day = values(customer(created_at=late), (Target(since, ValueType.DATE),))
    assert as_time == {"polar_customer_since": datetime(2026, 4, 2, 4, 30, tzinfo=UTC)}
    assert as_day == {"polar_customer_since": date(2026, 4, 2)}
