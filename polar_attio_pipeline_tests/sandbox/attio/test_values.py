from typing import Any

import pytest

from polar_attio_pipeline.sandbox.attio.output import LOCATION_KEYS
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, slug_of

EMAIL = "email_addresses"
CUSTOM = ("text", "number", "rating", "checkbox", "currency", "date", "timestamp", "select", "domain")
LOCATION = dict.fromkeys(LOCATION_KEYS)


@pytest.fixture(autouse=True)
def attributes(world: AttioWorld) -> None:
    for kind in CUSTOM:
        world.add_attribute(f"my_{kind}", kind, options=["Pro"] if kind == "select" else (), currency="EUR")


STORED: list[tuple[str, Any, dict[str, Any]]] = [
    ("name", {"first_name": "Ada", "last_name": "", "full_name": "Ada"}, {"first_name": "Ada", "last_name": ""}),
    ("name", "Lovelace, Ada", {"first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace"}),
    ("name", "Ada Lovelace", {"first_name": "Ada Lovelace", "last_name": "", "full_name": "Ada Lovelace"}),
    ("name", ["Lovelace, Ada"], {"last_name": "Lovelace"}),
    (EMAIL, ["Ada+x@Mail.Acme.co.uk"], {
        "original_email_address": "Ada+x@Mail.Acme.co.uk", "email_address": "ada+x@mail.acme.co.uk",
        "email_domain": "mail.acme.co.uk", "email_root_domain": "acme.co.uk", "email_local_specifier": "ada+x"}),
    (EMAIL, [{"email_address": "ada@example.com"}], {"email_address": "ada@example.com"}),
    (EMAIL, ["ada@münchen.de"], {"email_domain": "münchen.de"}),
    ("my_text", "x", {"value": "x"}),
    ("my_text", {"value": "x"}, {"value": "x"}),
    ("my_checkbox", True, {"value": True}),
    ("my_checkbox", "false", {"value": False}),
    ("my_number", 12.5, {"value": 12.5}),
    ("my_number", [{"value": 0.00006}], {"value": 0.0001}),
    ("my_rating", 5, {"value": 5}),
    ("my_currency", 4.99, {"currency_value": 4.99, "currency_code": "EUR"}),
    ("my_currency", "4.99", {"currency_value": 4.99}),
    ("my_currency", {"currency_value": 4.99}, {"currency_value": 4.99}),
    ("my_currency", ["-0.00006"], {"currency_value": -0.0001}),
    ("my_currency", 1000, {"currency_value": 1000, "currency_code": "EUR"}),
    ("my_date", "2023-01-02", {"value": "2023-01-02"}),
    ("my_date", "2023-01", {"value": "2023-01-01"}),
    ("my_date", "2023-01-02T23:00:00-10:00", {"value": "2023-01-03"}),
    ("my_timestamp", "2023-01-02T13:00:00+02:00", {"value": "2023-01-02T11:00:00.000000000Z"}),
    ("my_timestamp", "2023-01-02T13:00:00.123456789Z", {"value": "2023-01-02T13:00:00.123456789Z"}),
    ("my_timestamp", "2023-01-02T13:00", {"value": "2023-01-02T13:00:00.000000000Z"}),
    ("my_domain", "https://WWW.acme.com/about", {"domain": "www.acme.com", "root_domain": "acme.com"}),
    ("phone_numbers", ["+1 555 123 4567"], {"phone_number": "+15551234567", "country_code": "US"}),
    ("phone_numbers", [{"original_phone_number": "020 7946 0000", "country_code": "GB"}], {
        "phone_number": "+442079460000", "original_phone_number": "020 7946 0000", "country_code": "GB"}),
    ("primary_location", {**LOCATION, "country_code": "DE", "latitude": "52.5"}, {
        **LOCATION, "country_code": "DE", "latitude": "52.5"}),
    ("primary_location", "Berlin, Germany", {"locality": "Berlin", "region": "Germany"}),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "sent", "shown"), STORED, ids=[f"{slug}={sent}" for slug, sent, _ in STORED])
async def test_a_value_is_taken_and_shown(api: Api, slug: str, sent: Any, shown: dict[str, Any]) -> None:
    answer = await api.create({slug: sent})

    assert answer.status_code == 200, answer.text
    [value] = answer.json()["data"]["values"][slug]
    assert {name: value[name] for name in shown} == shown


REFUSED: list[tuple[str, Any]] = [
    (EMAIL, "ada@acme.com"),
    (EMAIL, ["ada"]),
    (EMAIL, ["@acme.com"]),
    (EMAIL, ["ada@@acme.com"]),
    (EMAIL, ["ada@acme"]),
    (EMAIL, ["a da@acme.com"]),
    (EMAIL, [".ada@acme.com"]),
    (EMAIL, ["ada@-acme.com"]),
    (EMAIL, ["ada@acme.c"]),
    (EMAIL, [{"address": "ada@acme.com"}]),
    (EMAIL, [7]),
    *[(EMAIL, [f"ada@acme.{tld}"]) for tld in ("test", "invalid", "example", "localhost")],
    ("name", {"first_name": "Ada", "last_name": None, "full_name": "Ada"}),
    ("name", 7),
    ("my_text", 7),
    ("my_text", ["x", "y"]),
    ("my_checkbox", "yes"),
    ("my_checkbox", 1),
    ("my_number", "12"),
    ("my_number", True),
    ("my_rating", 6),
    ("my_currency", "4,99"),
    ("my_date", "yesterday"),
    ("my_date", "2023-02-30"),
    ("my_timestamp", 1672664400),
    ("my_timestamp", "2023-01-02T25:00"),
    ("my_select", 7),
    ("my_domain", "acme"),
    ("phone_numbers", ["+49"]),
    ("phone_numbers", ["030 123456"]),
    ("phone_numbers", ["+999 123456"]),
    ("phone_numbers", ["+1 155 123 4567"]),
    ("phone_numbers", ["+49 30 call me"]),
    ("primary_location", {**LOCATION, "country_code": "Germany"}),
    ("primary_location", {**LOCATION, "latitude": "north"}),
    ("primary_location", {**LOCATION, "region": 7}),
]


@pytest.mark.parametrize(("slug", "sent"), REFUSED, ids=[f"{slug}={sent}" for slug, sent in REFUSED])
async def test_a_value_is_refused_and_the_message_names_the_attribute(
    api: Api, world: AttioWorld, slug: str, sent: Any
) -> None:
    answer = await api.create({"my_text": "x", slug: sent})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")
    assert slug_of(answer) == slug
    assert world.people_count() == 0


@pytest.mark.parametrize("slug", [EMAIL, "name", *[f"my_{kind}" for kind in CUSTOM], "phone_numbers", "company"])
@pytest.mark.parametrize("null", [None, [None]], ids=["null", "null in a list"])
async def test_null_is_refused_everywhere(api: Api, slug: str, null: Any) -> None:
    answer = await api.create({slug: null})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")
    assert answer.json()["validation_errors"][0]["message"] == "Invalid input"


async def test_a_refused_address_has_the_measured_message_and_nothing_else(api: Api) -> None:
    answer = await api.create({EMAIL: ["ada@acme.test"]})

    assert answer.json() == {
        "status_code": 400,
        "type": "invalid_request_error",
        "code": "validation_type",
        "message": 'An invalid value was passed to attribute with slug "email_addresses".',
    }


async def test_each_part_of_a_name_that_is_missing_is_listed(api: Api) -> None:
    answer = await api.create({"name": [{"first_name": "Ada"}]})

    assert [error["path"] for error in answer.json()["validation_errors"]] == [["last_name"], ["full_name"]]


async def test_each_key_of_a_location_that_is_missing_is_listed(api: Api) -> None:
    answer = await api.create({"primary_location": {"locality": "Berlin", "country_code": "DE"}})

    assert len(answer.json()["validation_errors"]) == 8


async def test_a_select_takes_titles_and_ids_and_never_makes_an_option(api: Api, world: AttioWorld) -> None:
    [option] = world.people_type.attribute("my_select").options

    by_title = (await api.create({"my_select": "Pro"})).json()["data"]["values"]["my_select"]
    by_id = (await api.create({"my_select": {"option": option.id}})).json()["data"]["values"]["my_select"]
    unknown = await api.create({"my_select": "Enterprise"})

    assert by_title[0]["option"] == by_id[0]["option"]
    assert by_title[0]["option"]["title"] == "Pro"
    assert unknown.json()["code"] == "value_not_found"
    assert unknown.json()["message"] == 'Cannot find select attribute with select option title "Enterprise".'


async def test_an_archived_option_stays_where_it_is_and_is_taken_nowhere_else(api: Api, world: AttioWorld) -> None:
    [option] = world.people_type.attribute("my_select").options
    holder = world.add_person(emails=["ada@acme.com"], values={"my_select": "Pro"})
    world.archive_option("my_select", "Pro")

    held = (await api.record(holder))["values"]["my_select"]
    by_title, by_id = await api.create({"my_select": "Pro"}), await api.create({"my_select": option.id})

    assert (held[0]["option"]["title"], held[0]["option"]["is_archived"]) == ("Pro", True)
    assert (by_title.status_code, by_title.json()["code"]) == (400, "value_not_found")
    assert by_id.json()["message"] == f'Cannot find select attribute with select option ID "{option.id}".'


@pytest.mark.parametrize(
    ("slug", "value"),
    [
        ("my_text", "x"),
        ("my_number", 1),
        ("my_currency", 1),
        ("my_select", "Pro"),
        ("my_date", "2023-01-02"),
        ("my_timestamp", "2023-01-02T13:00:00Z"),
    ],
)
async def test_an_empty_list_clears_a_single_value(api: Api, world: AttioWorld, slug: str, value: Any) -> None:
    record_id = world.add_person(emails=["ada@acme.com"], values={slug: value})

    answer = await api.patch(record_id, {slug: []})

    assert answer.json()["data"]["values"][slug] == []


async def test_a_value_of_a_currency_attribute_follows_the_attributes_currency(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=["ada@acme.com"], values={"my_currency": "12.5"})
    usd = {"currency": {"default_currency_code": "USD", "display_type": "code"}}

    changed = await api.http.patch("/v2/objects/people/attributes/my_currency", json={"data": {"config": usd}})

    assert changed.json()["data"]["config"]["currency"] == usd["currency"]
    [value] = (await api.record(record_id))["values"]["my_currency"]
    assert (value["currency_value"], value["currency_code"]) == (12.5, "USD")


@pytest.mark.parametrize(("slug", "archived"), [("unheard_of", False), ("my_text", True)])
async def test_an_unknown_or_archived_attribute_is_refused(
    api: Api, world: AttioWorld, slug: str, archived: bool
) -> None:
    if archived:
        world.archive_attribute(slug)

    answer = await api.create({slug: "x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "value_not_found")
    assert answer.json()["message"] == f'Cannot find attribute with slug/ID "{slug}".'


@pytest.mark.parametrize("slug", ["record_id", "created_at", "avatar_url", "last_interaction", "created_by"])
async def test_a_read_only_attribute_is_refused(api: Api, slug: str) -> None:
    answer = await api.create({slug: "2026-01-01"})

    assert answer.status_code == 400
    assert slug_of(answer) == slug


async def test_an_attribute_can_be_named_by_its_id(api: Api, world: AttioWorld) -> None:
    attribute = world.people_type.attribute("my_text")

    assert (await api.create({attribute.id: "x"})).json()["data"]["values"]["my_text"][0]["value"] == "x"


async def test_equal_values_of_a_list_are_stored_once(api: Api) -> None:
    answer = await api.create({EMAIL: ["ada@gmail.com", "ADA@gmail.com"]})

    assert len(answer.json()["data"]["values"][EMAIL]) == 1


@pytest.mark.parametrize(
    "form",
    [
        "acme.com",
        {"target_object": "companies", "domains": [{"domain": "acme.com"}]},
        {"target_object": "companies", "target_record_id": "ID"},
    ],
    ids=str,
)
async def test_a_reference_is_taken_in_three_forms(api: Api, form: Any) -> None:
    company = (await api.create({"domains": ["acme.com"]}, "companies")).json()["data"]["id"]["record_id"]
    if isinstance(form, dict) and "target_record_id" in form:
        form = {**form, "target_record_id": company}

    answer = await api.create({"company": form})

    [value] = answer.json()["data"]["values"]["company"]
    assert (value["target_object"], value["target_record_id"]) == ("companies", company)


@pytest.mark.parametrize(
    "form",
    [
        "nowhere.com",
        {"target_object": "companies", "target_record_id": "00000000-0000-4000-8000-000000000000"},
        {"target_object": "people", "target_record_id": "00000000-0000-4000-8000-000000000000"},
        {"target_object": "companies", "name": "Acme"},
        {"target_object": "companies"},
        7,
    ],
    ids=str,
)
async def test_a_reference_to_nothing_is_refused(api: Api, form: Any) -> None:
    assert (await api.create({"company": form})).status_code == 400
