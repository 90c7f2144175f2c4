"""Whom a person means who types an id, an address or a link. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from polar_attio_pipeline.polar.ids import canonical_id

WHO = "A Polar customer id, an address, an Attio record id, or a link to the page of either service."
"""What may be typed, for the help of commands."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PERSON = re.compile(r"/person/([^/?#]+)")


class WhoError(ValueError):
    """What was typed names no customer; the text says why, and what to type."""


@dataclass(frozen=True, slots=True)
class Who:
    """What was typed, read as far as it can be without asking anybody.

    Attributes:
        text: As it was typed, without the space around it.
        customer_id: What may be Polar's id of a customer.
        record_id: What may be the id of a record in Attio; an id alone may be either.
        address: An address.
    """

    text: str
    customer_id: str | None = None
    record_id: str | None = None
    address: str | None = None


def who(text: str) -> Who:
    """Return what was typed.

    Raises:
        WhoError: it is none of what `WHO` says.
    """
    typed = text.strip().strip("<>\"'")
    lowered = typed.lower()
    if "://" in lowered:
        return _of_link(typed, lowered)
    if _UUID.fullmatch(lowered):
        return Who(typed, canonical_id(lowered), lowered)
    local, at, domain = typed.removeprefix("mailto:").rpartition("@")
    if at and local and domain and not re.search(r"\s", typed):
        return Who(typed, address=f"{local}@{domain}")
    raise WhoError(f"{typed or 'Nothing'} is not what names a customer. Write one of these: {WHO}")


def _of_link(typed: str, lowered: str) -> Who:
    try:
        link = urlsplit(lowered)
        host = link.hostname or ""
    except ValueError:
        raise WhoError(f"{typed} is not a link that can be read. Copy it from the address bar.") from None
    found = _UUID.findall(link.path) or _UUID.findall(link.query)
    if host == "attio.com" or host.endswith(".attio.com"):
        person = _PERSON.search(link.path)
        if person is None or not _UUID.fullmatch(person[1]):
            raise WhoError(f"{typed} is not the page of a person in Attio: open the person and copy its address.")
        return Who(typed, record_id=person[1])
    if not found:
        raise WhoError(f"{typed} holds no id: open the page of the customer or of the person, and copy its address.")
    if host == "polar.sh" or host.endswith(".polar.sh"):
        return Who(typed, customer_id=canonical_id(found[-1]))
    return Who(typed, canonical_id(found[-1]), found[-1])
