import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.defs.frames import COLUMNS, to_frame
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.builders import customer

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def snapshot(*customers: Customer, bad: tuple[Outcome, ...] = ()) -> Snapshot:
    return Snapshot(customers, bad, read_at=NOON, polar_read_at=NOON + timedelta(seconds=7), free_lease_token=3)


def test_a_customer_is_a_row_with_times_in_utc_without_a_zone() -> None:
    full = customer(created_at=NOON + timedelta(microseconds=123_456), country="DE", external_id="usr_1")
    frame = to_frame(snapshot(full))
    row = frame.to_dict("records")[0]
    assert tuple(frame.columns) == COLUMNS
    assert row["created_at"].to_pydatetime().replace(tzinfo=UTC) == full.created_at
    assert {name: row[name] for name in ("id", "email", "country", "external_id", "problem")} == {
        "id": full.id,
        "email": full.email,
        "country": "DE",
        "external_id": "usr_1",
        "problem": None,
    }


def test_a_row_that_could_not_be_read_says_what_is_wrong() -> None:
    bad = Outcome("x", None, Result.REJECTED, None, reason=Reason.UNREADABLE, detail="Polar's answer does not parse.")
    (row,) = to_frame(snapshot(bad=(bad,))).to_dict("records")
    assert (row["id"], row["problem"]) == ("x", "Polar's answer does not parse.")


@pytest.mark.parametrize("name", ["", " ", "Zoë 'O\"Brien", "李小龙", "a\nb", "nan", "None", "NaT", "1e5"])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert list(to_frame(snapshot(customer(name=name)))["name"]) == [name]


def test_an_empty_reading_has_columns_and_its_times() -> None:
    frame = to_frame(snapshot())
    assert (tuple(frame.columns), len(frame)) == (COLUMNS, 0)
    assert frame.attrs == {"read_at": NOON, "polar_read_at": NOON + timedelta(seconds=7)}


def test_no_snapshot_is_an_empty_frame_that_says_so() -> None:
    frame = to_frame(None)
    assert (tuple(frame.columns), len(frame)) == (COLUMNS, 0)
    assert frame.attrs == {"read_at": None, "polar_read_at": None}


def test_the_definitions_load_no_pandas_no_alembic_and_no_apprise() -> None:
    program = "import sys, polar_attio_pipeline.defs.build; print({'pandas', 'alembic', 'apprise'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "set()"
