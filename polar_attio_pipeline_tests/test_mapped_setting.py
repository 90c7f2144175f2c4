"""POLAR_ATTIO_ATTRIBUTES: what it may say, and what is said about an entry that is wrong."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from polar_attio_pipeline.mapped_setting import parse
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.mapped import Mapped, sources
from polar_attio_pipeline.sync.mapping import Policy
from polar_attio_pipeline.sync.records import ValueType

pytestmark = pytest.mark.usefixtures("clean_environment")


def settings(entries: Any, **others: Any) -> Settings:
    text = entries if isinstance(entries, str) else json.dumps(entries)
    return Settings.model_validate({"polar_attio_attributes": text, **others})


def refused(entries: Any, **others: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(entries, **others)
    (error,) = caught.value.errors()
    assert error["loc"] == ("polar_attio_attributes",)
    return error["msg"].removeprefix("Value error, ")


def test_an_entry_says_where_from_and_may_say_type_policy_and_options() -> None:
    found = settings(
        {
            "plan_tier": {
                "from": "metadata.plan tier.v2",
                "type": "select",
                "policy": "when empty",
                "options": ["Pro"],
            },
            "vat_id": {"from": "tax_id"},
        }
    ).mapped()

    assert found == (
        Mapped("plan_tier", "metadata.plan tier.v2", ValueType.SELECT, Policy.WHEN_EMPTY, ("Pro",)),
        Mapped("vat_id", "tax_id", ValueType.TEXT, Policy.UNLESS_TYPED),
    )


@pytest.mark.parametrize("blank", ["", "  ", "{}"])
def test_without_entries_nothing_is_mapped(blank: str) -> None:
    assert settings(blank).attributes() == ATTRIBUTES
    assert sources(settings(blank).mapped()) == ()


def test_mapped_attributes_stand_beside_those_of_the_sync() -> None:
    found = settings({"plan_tier": {"from": "metadata.tier"}}, attio_slug={"polar_country": "land"})

    assert found.attributes()[:-1] == ATTRIBUTES
    assert found.attributes()[-1].title == "Plan tier"
    assert found.attributes()[-1].description.startswith("From the customer's metadata tier in Polar.")
    assert found.slugs()["plan_tier"] == "plan_tier"
    assert found.slugs()["polar_country"] == "land"


def test_a_source_of_two_attributes_is_kept_once() -> None:
    entries = {"plan_tier": {"from": "metadata.tier"}, "tier": {"from": "metadata.tier"}, "city": {"from": "tax_id"}}

    assert sources(settings(entries).mapped()) == ("metadata.tier", "tax_id")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("{plan", "it is not valid JSON at line 1, column 2"),
        ("[1]", 'it is not an object of JSON: write it like {"plan_tier": {"from": "metadata.tier"}}'),
        ("1" * 5000, "it is not JSON that can be read"),
        (
            '{"vat": {"from": "tax_id"}, "vat": {"from": "locale"}}',
            "vat: there are two entries of this slug: keep one of them",
        ),
        ('{"vat": {"from": "tax_id", "from": "locale"}}', "vat: there are two from: keep one of them"),
        ({"vat": "tax_id"}, "vat: it is not an object: write it like"),
        ({"Plan tier": {"from": "tax_id"}}, "Plan tier: no attribute has such a slug: write small letters"),
        ({"email_addresses": {"from": "tax_id"}}, "email_addresses: people are known by their addresses"),
        ({"name": {"from": "billing_name"}}, "name: the sync has the attribute name there already"),
        (
            {"polar_country": {"from": "locale"}},
            "polar_country: the sync has the attribute polar_country there already",
        ),
        ({"vat": {}}, 'vat: it does not say where the value is from: add "from" with metadata.KEY or a field'),
        ({"vat": {"from": "metadata."}}, "vat: it names no key of the metadata: write metadata.KEY"),
        (
            {"vat": {"from": "tax_ids"}},
            "vat: there is no field tax_ids, the nearest one is tax_id; or write metadata.KEY",
        ),
        ({"city": {"from": "billing_adress.city"}}, "the nearest one is billing_address.city"),
        ({"vat": {"from": "tax_id", "form": 1}}, "vat: there is no part form, the nearest one is from"),
        ({"vat": {"from": "tax_id", "type": "txt"}}, "vat: there is no type txt, the nearest one is text"),
        ({"vat": {"from": "tax_id", "type": 7}}, "vat: there is no type 7, possible are text, number, checkbox"),
        ({"fee": {"from": "metadata.fee", "type": "currency"}}, "the value does not say its currency: take number"),
        (
            {"vat": {"from": "tax_id", "policy": "unless_typed"}},
            "no policy unless_typed, the nearest one is unless typed",
        ),
        (
            {"vat": {"from": "tax_id", "policy": ["always"]}},
            "vat: there is no policy ['always'], the nearest one is always",
        ),
        ({"vat": {"from": "tax_id", "options": ["a"]}}, "vat: only the type select has options"),
        ({"tier": {"from": "metadata.t", "type": "select", "options": ["a", "a "]}}, "an option stands there twice"),
        ({"tier": {"from": "metadata.t", "type": "select", "options": "a"}}, "options are a list of titles"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_wrong_and_what_to_do(entries: Any, message: str) -> None:
    assert message in refused(entries)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = refused({"vat": {"from": "tax"}, "tier": {"from": "metadata.tier", "type": "list"}})

    assert "vat: there is no field tax" in said
    assert "tier: there is no type list" in said


def test_the_slug_that_a_renamed_attribute_has_is_taken() -> None:
    entries = {"land": {"from": "billing_address.country"}}

    assert "the sync has the attribute polar_country there" in refused(entries, attio_slug={"polar_country": "land"})
    assert parse(json.dumps(entries), taken={})
