"""What is kept of a customer for mapped attributes: what is wanted, the same from a page and from the export."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from polar_attio_pipeline.polar.export_csv import HEADER, rows_of
from polar_attio_pipeline.polar.models import CustomerRow, parse_row
from polar_attio_pipeline.polar.sources import said_by
from polar_attio_pipeline.sync.mapped import EXPORTED, FIELDS, ONLY_LISTED
from polar_attio_pipeline_tests.fixtures.answers import of_polar
from polar_attio_pipeline_tests.polar.fakes import row

METADATA = {"tier": "pro", "plan tier.v2": 3, "rate": 1.5, "ok": False}
ADDRESS = {
    "line1": "1 Main St", "line2": None, "postal_code": "94105", "city": "San Francisco", "state": "US-CA",
    "country": "US",
}  # fmt: skip


def listed(**fields: Any) -> dict[str, Any]:
    full = {"metadata": METADATA, "billing_address": ADDRESS, "tax_id": ["911144442", "us_ein"], "locale": "en"}
    return row(1, **(full | fields))


async def exported(item: dict[str, Any], sources: tuple[str, ...]) -> CustomerRow:
    """The row of the export for a listed customer."""
    address = item["billing_address"] or {}
    parts = ("line1", "line2", "city", "state", "postal_code", "country")
    tax_id = item["tax_id"] and item["tax_id"][0]
    metadata = json.dumps(item["metadata"]) if item["metadata"] else None
    cells = [item["id"], item.get("external_id"), item["created_at"], item["email"], item.get("name"), tax_id]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, [*cells, *(address.get(part) for part in parts), metadata]])

    async def whole() -> AsyncIterator[str]:
        yield text.getvalue()

    (found,) = [one async for rows in rows_of(whole(), sources) for one in rows]
    assert isinstance(found, CustomerRow)
    return found


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("metadata.tier", "pro"),
        ("metadata.plan tier.v2", 3),
        ("metadata.rate", 1.5),
        ("metadata.ok", False),
        ("tax_id", "911144442"),
        ("billing_address.city", "San Francisco"),
        ("billing_address.state", "US-CA"),
        ("locale", "en"),
    ],
)
def test_a_value_is_found_where_its_source_says(source: str, value: object) -> None:
    assert said_by(listed(), (source,)) == ((source, value),)


@pytest.mark.parametrize("source", ["metadata.none", "billing_address.line2", "billing_name", "metadata.tier.v2"])
def test_what_polar_does_not_say_is_absent(source: str) -> None:
    assert said_by(listed(), (source,)) == ()


@pytest.mark.parametrize("fields", [{"metadata": None}, {"metadata": []}, {"billing_address": "?"}, {"tax_id": []}])
def test_a_field_of_another_shape_costs_itself_alone(fields: dict[str, Any]) -> None:
    found = parse_row(listed(**fields), ("metadata.tier", "tax_id", "locale"))

    if "billing_address" not in fields:
        assert isinstance(found, CustomerRow)
        assert dict(found.mapped)["locale"] == "en"


def test_a_list_in_the_metadata_is_kept_as_a_value_that_cannot_be_read() -> None:
    assert said_by(listed(metadata={"tier": ["a"]}), ("metadata.tier",)) == (("metadata.tier", None),)


def test_nothing_is_kept_that_is_not_wanted() -> None:
    found = parse_row({**listed(), "mapped": "a field that Polar may have one day"})

    assert isinstance(found, CustomerRow)
    assert found.mapped == ()


@pytest.mark.parametrize("fields", [{}, {"metadata": {}}, {"billing_address": None, "tax_id": None}], ids=str)
async def test_export_and_page_agree_on_all_that_the_export_says(fields: dict[str, Any]) -> None:
    item = listed(external_id="user_1", **fields)
    sources = (*EXPORTED, *(f"metadata.{key}" for key in METADATA))

    assert (await exported(item, sources)).mapped == said_by(item, sources)


async def test_the_export_does_not_say_what_is_only_listed() -> None:
    assert (await exported(listed(), ONLY_LISTED)).mapped == ()


async def test_metadata_of_the_export_that_are_no_json_cost_the_customer_nothing_else() -> None:
    item = listed()
    good = await exported(item, ("metadata.tier", "tax_id"))
    assert dict(good.mapped) == {"metadata.tier": "pro", "tax_id": "911144442"}
    cells = dict.fromkeys(HEADER, "") | {"ID": item["id"], "Created At": item["created_at"], "Metadata": "{broken"}
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, cells.values()])

    async def whole() -> AsyncIterator[str]:
        yield text.getvalue()

    (found,) = [one async for rows in rows_of(whole(), ("metadata.tier",)) for one in rows]

    assert isinstance(found, CustomerRow)
    assert found.mapped == ()


def test_every_field_that_can_be_mapped_is_one_of_a_recorded_customer() -> None:
    (recorded, *_) = of_polar("customers_list_page1").body["items"]

    def has(field: str) -> bool:
        outer, _, inner = field.partition(".")
        return outer in recorded and (not inner or recorded[outer] is None or inner in recorded[outer])

    # Polar has added this one since the recording (its API specification).
    assert [field for field in FIELDS if not has(field)] in ([], ["billing_name"], ["first_user_event_at"])
