"""Keeps the company that a human gave a person, where Attio's automation replaces it."""

import logging
from dataclasses import replace

from polar_attio_pipeline.attio.errors import RECORDS_PATH, data_of
from polar_attio_pipeline.attio.models import COMPANY, company_of, company_reference
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.sync.records import CurrentValue, Person

_log = logging.getLogger(__name__)

_LOOKS = (0.5, 2.0)
"""Seconds before each look at the person: the automation did its work 63 ms after an address joined (measured)."""

_ATTEMPTS = 4
"""The write is done and its outcome waits: a few seconds are enough."""


async def keep_company(api: ApiClient, person: Person, company: str) -> CurrentValue | None:
    """Give a person its company back if Attio itself has replaced it, as it does when an address joins.

    What the automation did shows some time after the write, so the person is looked at twice. A company that anybody
    but Attio has set meanwhile stays. If this fails, that is logged and nothing more: the write before it stands.

    Args:
        api: Attio's API.
        person: Who got an address.
        company: The record id of the company that it had before.

    Returns:
        The company that Attio had set, where it was replaced; None if nothing was written.
    """
    path = f"{RECORDS_PATH}/{person.record_id}"
    retry = replace(api.retry, attempts=min(api.retry.attempts, _ATTEMPTS))
    try:
        for seconds in _LOOKS:
            await api.clock.sleep(seconds)
            held = company_of(data_of(await api.request("GET", path, limiter="reads", retry=retry)))
            if held and held.value != company:
                if held.actor == "system":
                    restored = {"data": {"values": {COMPANY: company_reference(company)}}}
                    await api.request("PATCH", path, limiter="writes", json=restored, retry=retry)
                    return held
                return None
    except (ApiError, ValueError) as error:
        _log.warning(
            "Attio may have replaced the company of %s when an address was added, and it could not be put back: %s "
            "Look at the company there.",
            person.url or person.record_id,
            error,
        )
    return None
