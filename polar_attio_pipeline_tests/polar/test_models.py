from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.polar.models import BadRow, CustomerRow, parse_row, to_customer
from polar_attio_pipeline_tests.fixtures.answers import of_polar
from polar_attio_pipeline_tests.polar.fakes import NOW, row


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T09:30:00Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("2026-11-01T09:30:00.123456Z", datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-01T11:30:00+02:00", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_times_with_and_without_a_fraction_become_moments_in_utc(text: str, moment: datetime) -> None:
    parsed = parse_row(row(created_at=text))

    assert isinstance(parsed, CustomerRow)
    customer = to_customer(parsed, url=str.upper, read_at=NOW)
    assert customer.created_at == moment
    assert customer.created_at.tzinfo is UTC


def test_a_row_becomes_a_customer_with_what_the_sync_looks_at() -> None:
    parsed = parse_row(
        row(external_id="u1", name=" Ada ", billing_address={"country": "GB", "line1": "1 St"}, metadata={"a": 1})
    )
    assert isinstance(parsed, CustomerRow)

    customer = to_customer(parsed, url=lambda customer_id: f"https://x/{customer_id}", read_at=NOW)

    assert (customer.email, customer.name, customer.type) == ("c1@example.com", " Ada ", "individual")
    assert (customer.external_id, customer.country) == ("u1", "GB")
    assert customer.url == f"https://x/{customer.id}"
    assert customer.read_at == NOW
    assert customer.owner is None


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "constellation"},
        {"new_field": {"deep": [1]}},
        {"email": None, "type": "team"},
        {"billing_address": {"country": "XK"}},
        {"billing_address": {}},
        {"name": None, "external_id": None},
    ],
)
def test_what_polar_may_add_or_leave_out_is_tolerated(fields: dict[str, object]) -> None:
    assert isinstance(parse_row(row(**fields)), CustomerRow)


def test_an_empty_address_counts_as_none() -> None:
    parsed = parse_row(row(email=""))

    assert isinstance(parsed, CustomerRow)
    assert to_customer(parsed, url=str, read_at=NOW).email is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"created_at": "yesterday, said ada@example.com"}, "created_at"),
        ({"created_at": "2026-11-01T09:30:00"}, "created_at"),
        ({"created_at": None}, "created_at"),
        ({"email": {"secret": "ada@example.com"}}, "email"),
        ({"billing_address": {"country": ["ada@example.com"]}}, "billing_address.country"),
        ({"name": 7}, "name"),
    ],
)
def test_a_row_that_does_not_parse_names_itself_and_the_field_but_no_value(
    fields: dict[str, object], field: str
) -> None:
    bad = parse_row(row(**fields))

    assert isinstance(bad, BadRow)
    assert bad.id == bad.key == row()["id"]
    assert bad.field == field
    assert bad.message.endswith(".")
    assert "ada" not in bad.message


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "10000-01-01T00:00:00Z", "", [], {}, True]
)
def test_a_moment_that_is_none_in_utc_costs_its_row(moment: object) -> None:
    bad = parse_row(row(created_at=moment))

    assert isinstance(bad, BadRow)
    assert (bad.id, bad.field, bad.created_at) == (row()["id"], "created_at", None)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-01-01T00:00:00+14:00"])
def test_a_moment_long_ago_or_far_ahead_is_a_moment(moment: str) -> None:
    assert isinstance(parse_row(row(created_at=moment)), CustomerRow)


@pytest.mark.parametrize("strange", ["", "c1", "\x00" * 36, f"{row()['id']} ", [row()["id"]], 7, "../../organizations"])
def test_an_id_that_is_no_uuid_costs_its_row_and_is_no_id(strange: object) -> None:
    bad = parse_row(row(id=strange))

    assert isinstance(bad, BadRow)
    assert bad.field == "id"


@pytest.mark.parametrize("name", ["\x00", "Ada\x07\x1b[31m", "\u202eadA", "\ufffd", "a" * 10_000, "\r\n"])
def test_a_name_may_hold_whatever_people_type(name: str) -> None:
    parsed = parse_row(row(name=name))

    assert isinstance(parsed, CustomerRow)
    assert parsed.name == name


def test_a_row_without_a_type_is_an_individual_and_one_whose_type_is_not_said_has_none() -> None:
    untyped = {key: value for key, value in row().items() if key != "type"}
    parsed = [parse_row(item) for item in (untyped, row(type=None))]

    assert [one.type for one in parsed if isinstance(one, CustomerRow)] == ["individual", None]


def test_when_a_bad_row_was_created_is_read_if_it_can_be() -> None:
    bad = parse_row(row(name=7))

    assert isinstance(bad, BadRow)
    assert bad.created_at is not None
    assert bad.created_at < NOW


@pytest.mark.parametrize("item", [None, 7, "text", [], {}, {"id": 7}, {"id": None, "created_at": "?"}])
def test_whatever_is_no_customer_at_all_is_one_bad_row_without_an_id(item: object) -> None:
    bad = parse_row(item)

    assert isinstance(bad, BadRow)
    assert bad.id is None
    assert parse_row(item) == bad


def test_bad_rows_without_an_id_are_told_apart() -> None:
    one, other = parse_row({"email": "a@example.com"}), parse_row({"email": "b@example.com"})

    assert isinstance(one, BadRow)
    assert isinstance(other, BadRow)
    assert one.key != other.key
    assert "@" not in one.key


@pytest.mark.parametrize("name", ["customer_get", "customer_team", "patch_customer"])
def test_recorded_customers_parse(name: str) -> None:
    assert isinstance(parse_row(of_polar(name).body), CustomerRow)


@pytest.mark.parametrize(
    ("name", "count"),
    [("customers_list_page1", 100), ("customers_list_page2", 37), ("customers_list_limit_over_max", 100)],
)
def test_recorded_pages_parse_row_by_row(name: str, count: int) -> None:
    parsed = [parse_row(item) for item in of_polar(name).body["items"]]

    assert len(parsed) == count
    assert not [each for each in parsed if isinstance(each, BadRow)]
