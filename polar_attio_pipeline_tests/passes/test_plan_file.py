"""A plan in a file: it comes back as it was, is private and whole, and whatever else the file holds is refused."""

import hashlib
import json
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline.passes.plan_document import checksum
from polar_attio_pipeline.passes.plan_file import PlanFile, PlanFileError, check_writable, load, save
from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.planning import Change
from polar_attio_pipeline.sync.records import PersonName, Value
from polar_attio_pipeline_tests.sync.builders import ADA, BOB

VALUES: list[Value] = [
    "",
    "Zoë \N{GRINNING FACE}",
    "half a pair \ud83d",
    True,
    False,
    date(2026, 11, 3),
    datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC),
    Decimal("19.90"),
    Decimal(0),
    PersonName("Ada", "Lovelace", "Ada  Lovelace"),
]
PLAN = PlanFile(
    made_at=datetime(2026, 11, 30, 4, 5, 6, 789, tzinfo=UTC),
    organization_id="0c000000-0000-4000-8000-000000000000",
    workspace_id="w1",
    hours=("2026-11-23-14:00", "2026-11-23-16:00"),
    counts={"create": 1, "update": 1},
    customers=(
        Approved(ADA, None, tuple(Change(f"new{number}", None, value) for number, value in enumerate(VALUES))),
        Approved(BOB, "r2", tuple(Change(f"old{number}", value, None) for number, value in enumerate(VALUES))),
    ),
    deleted=(Approved(BOB, "r3", (Change("polar_customer", True, False),)),),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def test_it_comes_back_exactly_with_every_type_of_value(file: Path) -> None:
    save(PLAN, file)

    found = load(file)

    assert found == PLAN
    assert found.sha256 == PLAN.sha256
    pairs = zip(PLAN.customers[0].changes, found.customers[0].changes, strict=True)
    assert all(type(before.new) is type(after.new) for before, after in pairs)


def test_a_plan_without_hours_or_customers_comes_back_too(file: Path) -> None:
    empty = PlanFile(PLAN.made_at, None, "w1", None, {}, ())

    save(empty, file)

    assert load(file) == empty


def test_only_its_owner_can_read_it_and_nothing_else_is_left_in_the_folder(file: Path) -> None:
    save(PLAN, file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_exists_is_written_over_only_on_demand(file: Path) -> None:
    file.write_text("mine")

    with pytest.raises(PlanFileError, match=r"exists already.*--force"):
        save(PLAN, file)
    assert file.read_text() == "mine"
    save(PLAN, file, force=True)

    assert load(file) == PLAN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_what_was_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("mine")

    def fails(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(PlanFileError, match="No space left on device"):
        save(PLAN, file, force=True)

    assert file.read_text() == "mine"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("path", "said"), [("", "is a folder"), ("missing/plan.json", "does not exist: make it, or name another file")]
)
def test_where_no_file_can_be_is_said_before_a_plan_is_made(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(PlanFileError, match=said):
        check_writable(tmp_path / path)


def edited(file: Path, change: Callable[[dict[str, Any]], None], *, with_checksum: bool = True) -> None:
    """Edit the file, as by hand, or with a checksum that fits."""
    content = json.loads(file.read_text())
    change(content)
    if with_checksum:
        content["sha256"] = checksum(content)
    file.write_text(json.dumps(content))


def first_change(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["customers"][0]["changes"][0]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["customers"].pop(),
        lambda content: content["customers"].append(content["customers"][0]),
        lambda content: first_change(content).update(new={"type": "text", "value": "Other"}),
        lambda content: first_change(content).update(attribute="job_title"),
        lambda content: content.update(organization_id="another"),
        lambda content: content.update(sha256=hashlib.sha256(b"").hexdigest()),
        lambda content: content.pop("sha256"),
    ],
)
def test_a_file_that_was_edited_is_refused(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    save(PLAN, file)
    edited(file, change, with_checksum=False)

    with pytest.raises(PlanFileError, match=r"edited or damaged.*Nothing was written.*--only CUSTOMER"):
        load(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(format=2), "its format is 2, and this version reads 1 only"),
        (lambda content: content.update(kind="shopping list"), "it is no plan of this program"),
        (lambda content: content.update(made_at="yesterday"), "the time 'yesterday' is none with a time zone"),
        (lambda content: content.update(made_at="2026-11-30T04:05"), "is none with a time zone"),
        (lambda content: content.update(further=1), "its entry further is not as this program writes it"),
        (lambda content: content.pop("counts"), "its entry counts is not as"),
        (lambda content: content["customers"][0].update(action="delete"), "its entry customers.0.action is not as"),
        (lambda content: content["customers"][0].update(action="update"), "does not say whom to write to"),
        (lambda content: content["customers"][1].update(record_id=None), "does not say whom to write to"),
        (lambda content: first_change(content).update(new={"type": "colour"}), "an impossible value of new0"),
        (lambda content: first_change(content).update(new={"type": "number", "value": "x"}), "impossible value"),
        (lambda content: first_change(content).update(new={"type": "texts", "value": []}), "impossible value"),
        (lambda content: first_change(content).update(new=3), "its entry customers.0.changes.0.new is not as"),
    ],
)
def test_what_this_version_has_not_written_is_refused_and_says_where(
    file: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    save(PLAN, file)
    edited(file, change)

    with pytest.raises(PlanFileError) as refused:
        load(file)

    assert said in str(refused.value)
    assert "Nothing was written." in str(refused.value)


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_file_that_was_cut_is_refused(file: Path, share: float) -> None:
    save(PLAN, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(PlanFileError, match="no whole JSON document"):
        load(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "it is no text"),
        (b"[]", "it is no plan"),
        (b"null", "it is no plan"),
        (b"[" * 100_000, "no whole JSON document"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)

    with pytest.raises(PlanFileError, match=said):
        load(file)


def test_a_file_that_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(PlanFileError, match="cannot be read: No such file or directory"):
        load(file)
