"""People: what the client for any object has to know of them, and what Attio does to no other object."""

import logging
from dataclasses import replace

from polar_attio_pipeline.attio.errors import data_of
from polar_attio_pipeline.attio.models import AttioRecord, reference_of
from polar_attio_pipeline.attio.objects import AttioObject, Matching
from polar_attio_pipeline.attio.spellings import address_spellings
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.mapping import Attribute
from polar_attio_pipeline.sync.ports import BeforeWrite, Restored
from polar_attio_pipeline.sync.records import Customer, Person

_log = logging.getLogger(__name__)

PEOPLE = AttioObject(
    slug="people",
    title="People",
    noun="person",
    matching=Matching(slug="email_addresses", field="email_address", spellings=address_spellings),
    attributes=ATTRIBUTES,
    id_key="polar_customer_id",
    mark_key="polar_customer",
    slug_setting="ATTIO_SLUG__",
)


COMPANY = "company"
"""The slug of the company that a person belongs to. A system attribute: no workspace can rename it."""

COMPANIES = "companies"
"""The slug of the object that companies are."""

_LOOKS = (0.5, 2.0)
"""Seconds before each look at the person: the automation did its work 63 ms after an address joined (measured)."""

_ATTEMPTS = 4
"""The write is done and its outcome waits: a few seconds are enough."""


def people_with(attributes: tuple[Attribute[Customer], ...]) -> AttioObject:
    """Return People with these attributes, those that a setting maps among them."""
    return replace(PEOPLE, attributes=attributes)


def as_person(read: AttioRecord, record: object) -> Person:
    """Return what matching and planning look at of a record; `record` is Attio's JSON of it."""
    return Person(
        record_id=read.record_id,
        url=read.url,
        emails=read.matches,
        values=read.values,
        company=reference_of(record, COMPANY),
        execution_id=read.execution_id,
    )


async def keep_company(api: ApiClient, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
    """Give a person its company back if Attio itself has replaced it, as it does when an address joins.

    What the automation did shows some time after the write, so the person is looked at twice. A company that anybody
    but Attio has set meanwhile stays. If this fails, that is logged and nothing more: the write before it stands.

    Args:
        api: Attio's API.
        person: Who got an address.
        company: The record id of the company that it had before.
        before_write: Takes the company that Attio has set, before it is replaced.

    Returns:
        None if nothing was written, or it is not known.
    """
    path = f"{PEOPLE.records_path}/{person.record_id}"
    retry = replace(api.retry, attempts=min(api.retry.attempts, _ATTEMPTS))
    try:
        for seconds in _LOOKS:
            await api.clock.sleep(seconds)
            current = reference_of(data_of(await api.request("GET", path, limiter="reads", retry=retry)), COMPANY)
            if current and current.value != company:
                if current.actor == "system":
                    reference = [{"target_object": COMPANIES, "target_record_id": company}]
                    restored = {"data": {"values": {COMPANY: reference}}}
                    before_write(current)
                    answer = await api.request("PATCH", path, limiter="writes", json=restored, retry=retry)
                    return Restored(answer.execution_id)
                return None
    except (ApiError, ValueError) as error:
        _log.warning(
            "Attio may have replaced the company of %s when an address was added, and it could not be put back: %s "
            "Look at the company there.",
            person.url or person.record_id,
            error,
        )
    return None
