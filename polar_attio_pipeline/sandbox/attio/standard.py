"""The objects and attributes that every new workspace has (a live workspace, 2026-05)."""

from collections.abc import Callable
from typing import Any

from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType, Option

# Each line: slug, title, type, and flags: r = read-only, u = unique, m = multiselect, c = computed from the record.
_HEAD_OF_PEOPLE = """
record_id|Record ID|text|ruc
name|Name|personal-name|
email_addresses|Email addresses|email-address|um
description|Description|text|
company|Company|record-reference|
job_title|Job title|text|
avatar_url|Avatar URL|text|r
phone_numbers|Phone numbers|phone-number|m
primary_location|Primary location|location|
"""
_HEAD_OF_COMPANIES = """
record_id|Record ID|text|ruc
domains|Domains|domain|um
name|Name|text|
description|Description|text|
team|Team|record-reference|m
categories|Categories|select|m
primary_location|Primary location|location|
logo_url|Logo URL|text|r
"""
_SOCIAL = """
angellist|AngelList|text|
facebook|Facebook|text|
instagram|Instagram|text|
linkedin|LinkedIn|text|
twitter|Twitter|text|
twitter_follower_count|Twitter follower count|number|r
"""
_FIRMOGRAPHIC = """
estimated_arr_usd|Estimated ARR|select|
funding_raised_usd|Funding raised|currency|
foundation_date|Foundation date|date|
employee_range|Employee range|select|
"""
_TAIL = """
first_calendar_interaction|First calendar interaction|interaction|r
last_calendar_interaction|Last calendar interaction|interaction|r
next_calendar_interaction|Next calendar interaction|interaction|r
first_email_interaction|First email interaction|interaction|r
last_email_interaction|Last email interaction|interaction|r
first_interaction|First interaction|interaction|r
last_interaction|Last interaction|interaction|r
next_interaction|Next interaction|interaction|r
strongest_connection_strength_legacy|Connection strength (legacy)|number|r
strongest_connection_strength|Connection strength|select|r
strongest_connection_user|Strongest connection|actor-reference|r
associated_deals|Associated deals|record-reference|m
created_at|Created at|timestamp|rc
created_by|Created by|actor-reference|rc
"""
_OPTIONS = {
    "categories": ("B2B", "B2C", "E-commerce", "Enterprise", "Marketplace", "Publishing", "SaaS & Cloud Services"),
    "estimated_arr_usd": ("$0-$1M", "$1M-$10M", "$10M-$50M", "$50M-$100M", "$100M-$250M", "$1B-$10B", "$10B+"),
    "employee_range": ("1-10", "11-50", "51-250", "251-1K", "1K-5K", "5K-10K", "10K-50K", "50K-100K", "100K+"),
    "strongest_connection_strength": ("Very strong", "Strong", "Good", "Weak", "Very weak", "No communication"),
}
_DYNAMIC_DEFAULTS = {"created_at": "PT0S", "created_by": "current-user"}


def standard_objects(workspace_id: str, created_at: str, new_id: Callable[[], str]) -> tuple[ObjectType, ObjectType]:
    """Return people and companies as a new workspace has them, with their relationship."""
    people = ObjectType(new_id(), "people", "Person", "People", created_at)
    companies = ObjectType(new_id(), "companies", "Company", "Companies", created_at)
    people.attributes = _attributes(_HEAD_OF_PEOPLE + _SOCIAL + _TAIL, created_at, new_id)
    companies.attributes = _attributes(_HEAD_OF_COMPANIES + _SOCIAL + _FIRMOGRAPHIC + _TAIL, created_at, new_id)

    company, team = people.attribute("company"), companies.attribute("team")
    company.allowed_object_ids, team.allowed_object_ids = (companies.id,), (people.id,)
    company.relationship = _relationship(workspace_id, companies.id, companies.slug, team)
    team.relationship = _relationship(workspace_id, people.id, people.slug, company)
    team.inverse_of = company

    deals_id = new_id()
    for object_type, slug, title, many in (
        (people, "associated_people", "Associated people", True),
        (companies, "associated_company", "Associated company", False),
    ):
        other = Attribute(new_id(), slug, title, "record-reference", created_at, is_multiselect=many)
        deals = object_type.attribute("associated_deals")
        deals.description = f"Deal records associated with a {object_type.singular_noun} record"
        deals.allowed_object_ids = (deals_id,)
        deals.relationship = _relationship(workspace_id, deals_id, "deals", other)

    funding = companies.attribute("funding_raised_usd")
    funding.currency_code, funding.currency_display = "USD", "symbol"
    return people, companies


def _attributes(table: str, created_at: str, new_id: Callable[[], str]) -> list[Attribute]:
    rows = (line.split("|") for line in table.splitlines() if line)
    return [
        Attribute(
            id=new_id(),
            slug=slug,
            title=title,
            type=kind,
            created_at=created_at,
            is_system=True,
            is_writable="r" not in flags,
            is_unique="u" in flags,
            is_multiselect="m" in flags,
            computed="c" in flags,
            default_value=_default(slug),
            options=[Option(new_id(), option) for option in _OPTIONS.get(slug, ())],
        )
        for slug, title, kind, flags in rows
    ]


def _default(slug: str) -> dict[str, Any] | None:
    template = _DYNAMIC_DEFAULTS.get(slug)
    return {"type": "dynamic", "template": template} if template else None


def _relationship(workspace_id: str, object_id: str, object_slug: str, other: Attribute) -> dict[str, Any]:
    return {
        "id": {"workspace_id": workspace_id, "object_id": object_id, "attribute_id": other.id},
        "object_slug": object_slug,
        "api_slug": other.slug,
        "is_multiselect": other.is_multiselect,
        "title": other.title,
    }
