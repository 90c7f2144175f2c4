"""What Attio does to records by itself, and what its merge does."""

from polar_attio_pipeline.sandbox.attio.contacts import FREE_MAIL, root_domain
from polar_attio_pipeline.sandbox.attio.schema import Attribute
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Reference, Store, Version, index_key

SYSTEM = Actor("system", None)


def link_company(store: Store, person: Record, new_emails: list[str], now: str) -> None:
    """Point a person at the company of a new address, as the system, creating the company if there is none.

    Attio does so when a person is created, and again when an address joins (measured). That an address of a free mail
    provider makes no company is an assumption.

    Args:
        store: The records.
        person: Who has new addresses.
        new_emails: These.
        now: When it happens, as Attio writes times.
    """
    domains = (root_domain(email.rpartition("@")[2]) for email in new_emails)
    domain = next((found for found in domains if found not in FREE_MAIL), None)
    if domain is None:
        return
    companies = store.object_type("companies")
    attribute = person.object_type.attribute("company")
    known = next(iter(store.holders(companies.attribute("domains"), domain)), None)
    company_id = known or _create_company(store, domain, now)
    held = person.active.get(attribute, ())
    if held and held[0].value.record_id == company_id:
        return
    store.put(person, attribute, (Version(Reference(companies.slug, company_id), now, SYSTEM),), now)


def merge(store: Store, primary: Record, secondary: Record) -> Record:
    """Make one new record of two; the primary's values come first, and both old ids are gone."""
    merged = Record(
        store.new_id(), primary.object_type, min(primary.created_at, secondary.created_at), primary.created_by
    )
    for attribute in {**primary.active, **secondary.active}:
        merged.active[attribute] = _merged_values(attribute, primary, secondary)
    merged.past = primary.past + secondary.past
    pointing = _pointing_at(store, primary) + _pointing_at(store, secondary)
    store.remove(primary)
    store.remove(secondary)
    store.insert(merged)
    for owner, attribute in pointing:
        _, since, actor = owner.active[attribute][0]
        store.put(owner, attribute, (Version(Reference(merged.object_type.slug, merged.id), since, actor),), since)
    return merged


def forget_references(store: Store, record: Record) -> None:
    """Clear the references of other records to one that is being deleted."""
    for owner, attribute in _pointing_at(store, record):
        store.put(owner, attribute, (), store.now())


def _create_company(store: Store, domain: str, now: str) -> str:
    companies = store.object_type("companies")
    company = Record(store.new_id(), companies, now, SYSTEM)
    company.active[companies.attribute("domains")] = (Version(domain, now, SYSTEM),)
    company.active[companies.attribute("name")] = (Version(domain.partition(".")[0].capitalize(), now, SYSTEM),)
    store.insert(company)
    return company.id


def _merged_values(attribute: Attribute, primary: Record, secondary: Record) -> tuple[Version, ...]:
    first, second = primary.active.get(attribute, ()), secondary.active.get(attribute, ())
    if not attribute.is_multiselect:
        return first or second
    held = {index_key(version.value) for version in first}
    return first + tuple(version for version in second if index_key(version.value) not in held)


def _pointing_at(store: Store, record: Record) -> list[tuple[Record, Attribute]]:
    inverses = [found.inverse_of for found in record.object_type.attributes if found.inverse_of]
    owners = [
        (object_type, attribute)
        for object_type in store.objects
        for attribute in object_type.attributes
        if attribute in inverses
    ]
    return [
        (store.record(object_type, record_id), attribute)
        for object_type, attribute in owners
        for record_id in store.holders(attribute, Reference(record.object_type.slug, record.id))
    ]
