import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from polar_attio_pipeline.attio.models import SelfInfo, decode_record, parse_definitions
from polar_attio_pipeline.attio.people import PEOPLE, as_person
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person, PersonName, ValueType
from polar_attio_pipeline_tests.fixtures.answers import of_attio

SLUGS = {key: key for key in BY_KEY}
TARGETS = tuple(Target(attribute, attribute.types[0]) for attribute in BY_KEY.values())

IN_EUROS = Target(BY_KEY["polar_mrr"], ValueType.CURRENCY, currency="EUR")


def record(values: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"record_id": "r-1"}, "web_url": "https://app.attio.com/acme/person/r-1", "values": values}


def value(actor: str = "api-token", **properties: Any) -> dict[str, Any]:
    return {
        "active_from": "2026-05-09T21:43:08.480000000Z",
        "active_until": None,
        "created_by_actor": {"type": actor, "id": None},
        "attribute_type": "mislabelled",
        **properties,
    }


def person_of(
    record: object,
    *,
    targets: tuple[Target, ...] = TARGETS,
    slugs: Mapping[str, str] = SLUGS,
    workspace_slug: str | None = None,
) -> Person:
    read = decode_record(record, attio_object=PEOPLE, targets=targets, slugs=slugs, workspace_slug=workspace_slug)
    return as_person(read, record)


def decoded(values: dict[str, Any], *, targets: tuple[Target, ...] = TARGETS) -> Person:
    return person_of(record(values), targets=targets)


def test_every_kind_of_value_is_read_with_the_one_who_wrote_it() -> None:
    person = decoded(
        {
            "polar_customer": [value(value=True)],
            "polar_customer_id": [value("app", value="0e5d92b8")],
            "name": [value("workspace-member", first_name="Ada", last_name="Lovelace", full_name="Ada Lovelace")],
            "polar_customer_since": [value("system", value="2026-05-09T21:43:08.480000999Z")],
        }
    )

    assert person.values == {
        "polar_customer": CurrentValue(value=True, actor="api-token"),
        "polar_customer_id": CurrentValue("0e5d92b8", "app"),
        "name": CurrentValue(PersonName("Ada", "Lovelace", "Ada Lovelace"), "workspace-member"),
        "polar_customer_since": CurrentValue(datetime(2026, 5, 9, 21, 43, 8, 480000, tzinfo=UTC), "system"),
    }


def test_addresses_are_lower_cased_in_attios_order_each_once() -> None:
    emails = [value(email_address=address) for address in ("B@x.com", "a@x.com", "b@X.com")]

    assert decoded({"email_addresses": emails}).emails == ("b@x.com", "a@x.com")


@pytest.mark.parametrize(
    "entries",
    [
        [],
        None,
        [value(value="")],
        [value(value=None)],
        [{**value(value="old"), "active_until": "2026-06-01T00:00:00Z"}],
    ],
    ids=["unset", "absent", "empty", "null", "superseded"],
)
def test_an_unset_value_is_absent(entries: list[dict[str, Any]] | None) -> None:
    assert decoded({"polar_country": entries}).values == {}


def test_a_name_without_any_part_is_absent_and_a_missing_part_is_empty() -> None:
    nothing = decoded({"name": [value(first_name=None, last_name=None, full_name=None)]})
    mononym = decoded({"name": [value(first_name="Cher", last_name=None, full_name="Cher")]})

    assert nothing.values == {}
    assert mononym.values["name"].value == PersonName("Cher", "", "Cher")


def test_attributes_that_are_no_target_are_dropped() -> None:
    only_the_mark = (Target(BY_KEY["polar_customer"], ValueType.CHECKBOX),)

    person = decoded(
        {"polar_customer": [value(value=True)], "polar_country": [value(value="NL")]}, targets=only_the_mark
    )

    assert set(person.values) == {"polar_customer"}


def test_values_are_found_under_the_slug_a_workspace_gave_them() -> None:
    renamed = {**SLUGS, "polar_country": "land"}

    person = person_of(record({"land": [value(value="NL")]}), slugs=renamed)

    assert person.values["polar_country"].value == "NL"


def test_a_timestamp_kept_in_a_date_attribute_is_read_as_a_day() -> None:
    day = (Target(BY_KEY["polar_customer_since"], ValueType.DATE),)

    person = decoded({"polar_customer_since": [value(value="2026-05-09")]}, targets=day)

    assert person.values["polar_customer_since"].value == date(2026, 5, 9)


@pytest.mark.parametrize(
    ("key", "properties"),
    [
        ("polar_country", {"value": 5}),
        ("polar_country", {"option": {"title": "NL"}}),
        ("polar_customer", {"value": "true"}),
        ("polar_customer_since", {"value": "yesterday"}),
        ("name", {"first_name": ["Ada"], "last_name": "Lovelace", "full_name": "Ada Lovelace"}),
    ],
)
def test_a_value_of_an_unknown_shape_counts_as_typed_by_a_person_so_nothing_writes_over_it(
    key: str, properties: dict[str, Any]
) -> None:
    held = decoded({key: [value("api-token", **properties)]}).values[key]

    assert held.actor == "workspace-member"
    assert held.value == json.dumps(properties)


def test_an_amount_is_read_in_the_currency_of_its_attribute() -> None:
    person = decoded({"polar_mrr": [value(currency_value=19.9, currency_code="EUR")]}, targets=(IN_EUROS,))

    assert person.values["polar_mrr"] == CurrentValue(Decimal("19.9"), "api-token")


@pytest.mark.parametrize("code", [None, "eur", "EUR"])
def test_the_currency_that_attio_repeats_with_an_amount_may_be_missing_or_in_small_letters(code: str | None) -> None:
    person = decoded({"polar_mrr": [value(currency_value=5, currency_code=code)]}, targets=(IN_EUROS,))

    assert person.values["polar_mrr"].value == Decimal(5)


def test_an_amount_in_another_currency_than_its_attribute_equals_no_amount_and_keeps_its_writer() -> None:
    person = decoded({"polar_mrr": [value(currency_value=19.9, currency_code="USD")]}, targets=(IN_EUROS,))

    assert person.values["polar_mrr"] == CurrentValue("19.9 USD", "api-token")


def test_an_amount_is_taken_as_it_is_where_the_currency_of_the_attribute_is_not_known() -> None:
    unknown = Target(BY_KEY["polar_mrr"], ValueType.CURRENCY)

    person = decoded({"polar_mrr": [value(currency_value=19.9, currency_code="USD")]}, targets=(unknown,))

    assert person.values["polar_mrr"].value == Decimal("19.9")


@pytest.mark.parametrize(
    ("config", "currency"),
    [
        ({"currency": {"default_currency_code": "EUR", "display_type": "code"}}, "EUR"),
        ({"currency": {"default_currency_code": "eur"}}, "EUR"),
        ({"currency": {"default_currency_code": "NTD"}}, "TWD"),
        ({"currency": {"default_currency_code": None}}, None),
        ({"currency": {}}, None),
        ({"currency": "EUR"}, None),
        ({}, None),
        ("EUR", None),
        (None, None),
    ],
)
def test_the_currency_of_an_attribute_is_read_tolerantly(config: object, currency: str | None) -> None:
    [definition] = parse_definitions([{"api_slug": "polar_mrr", "type": "currency", "config": config}])

    assert definition.currency == currency


def test_an_unknown_writer_counts_as_a_person() -> None:
    by_robot = decoded({"polar_country": [value("robot", value="NL")]})
    by_nobody = decoded({"polar_country": [{"value": "NL"}]})

    assert by_robot.values["polar_country"].actor == by_nobody.values["polar_country"].actor == "workspace-member"


def test_a_record_without_a_link_gets_one_from_the_workspace() -> None:
    bare = {"id": {"record_id": "r-1"}, "values": {}}

    person = person_of(bare, workspace_slug="acme")

    assert person.url == "https://app.attio.com/acme/person/r-1"


def test_read_write_scope_includes_read() -> None:
    info = SelfInfo(active=True, scope="object_configuration:read-write record_permission:read")

    assert info.grants("object_configuration:read")
    assert not info.grants("record_permission:read-write")


def test_the_recorded_attributes_of_a_real_workspace_are_read_whole() -> None:
    rows = of_attio("people_attributes").body["data"]

    definitions = {definition.api_slug: definition for definition in parse_definitions(rows)}

    assert len(definitions) == len(rows)
    assert definitions["email_addresses"].is_unique
    assert definitions["email_addresses"].is_multiselect
    assert definitions["name"].type == "personal-name"
    assert not definitions["created_at"].is_writable
    assert set(definitions["name"].id) == {"workspace_id", "object_id", "attribute_id"}


def test_an_attribute_of_an_unknown_shape_is_passed_over() -> None:
    assert [one.api_slug for one in parse_definitions([{"no": "slug"}, None, {"api_slug": "a", "type": "text"}])] == [
        "a"
    ]


def test_recorded_records_of_a_real_workspace_are_read_value_by_value() -> None:
    rows = of_attio("companies_query_limit5").body["data"]
    text = (
        Target(BY_KEY["polar_customer_url"], ValueType.TEXT),
        Target(BY_KEY["polar_customer_since"], ValueType.TIMESTAMP),
    )
    slugs = {**SLUGS, "polar_customer_url": "description", "polar_customer_since": "created_at"}

    first = person_of(rows[0], targets=text, slugs=slugs)

    assert first.record_id == rows[0]["id"]["record_id"]
    assert first.url == rows[0]["web_url"]
    assert first.values["polar_customer_url"].actor == "system"
    since = first.values["polar_customer_since"]
    assert since.value == datetime(2026, 5, 12, 8, 10, 31, 406000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("actor", "chosen_by"),
    [
        ("workspace-member", "workspace-member"),
        ("api-token", "api-token"),
        ("app", "app"),
        ("unheard-of", "workspace-member"),
        ("system", "system"),
    ],
)
def test_a_company_is_read_with_who_has_chosen_it(actor: str, chosen_by: Actor) -> None:
    held = value(actor, target_object="companies", target_record_id="c-1")

    assert decoded({"company": [held]}).company == CurrentValue("c-1", chosen_by)


@pytest.mark.parametrize(
    "held",
    [
        [],
        None,
        "c-1",
        [value("app", target_object="companies", target_record_id=None)],
        [value("app", target_object="companies", target_record_id="")],
        [value("app", target_object="companies", target_record_id=["c-1"])],
        [{**value("app", target_record_id="c-1"), "active_until": "2026-05-10T21:43:08.480000000Z"}],
    ],
)
def test_no_company_and_one_of_an_unknown_shape_are_none(held: Any) -> None:
    assert decoded({"company": held}).company is None


@pytest.mark.parametrize("weird", [None, 7, "x", [], {}, {"id": 7}, {"id": {"record_id": None}}])
def test_what_has_no_record_id_is_no_person(weird: object) -> None:
    with pytest.raises(ValueError, match="no record id"):
        person_of(weird)
