"""Single values of settings that have a form: each is checked where it is set, and says what to write instead."""

import re
from typing import Annotated

from pydantic import AfterValidator

from polar_attio_pipeline.cron import checked
from polar_attio_pipeline.sync.companies.domains import is_host
from polar_attio_pipeline.sync.money import decimal_places

_OWNER = re.compile(r"team:.+|[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", re.ASCII)
"""What Dagster takes for an owner of an asset."""


def words(listed: str) -> list[str]:
    """Return what stands in a list, separated by spaces or commas."""
    return listed.replace(",", " ").split()


def _are_domains(deny: str) -> str:
    if not all(map(is_host, words(deny))):
        raise ValueError("write domains, such as acme.com: without an @, a slash or an asterisk")
    return deny


def _is_a_cron_expression(cron: str) -> str:
    return checked(cron) if cron.strip() else ""


def _is_a_currency(code: str) -> str:
    capitals = code.strip().upper()
    if decimal_places(capitals) is None:
        raise ValueError("write the code of a currency of ISO 4217 in which money is paid, such as USD or EUR")
    return capitals


def _is_an_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("write the address of Dagster's UI, such as http://127.0.0.1:3000")
    return url.rstrip("/")


def _are_owners(owners: str) -> str:
    if not all(map(_OWNER.fullmatch, words(owners))):
        raise ValueError("write addresses, such as ada@example.com, or teams, such as team:growth")
    return owners


Domains = Annotated[str, AfterValidator(_are_domains)]
"""Domains, separated by spaces or commas."""

CronExpression = Annotated[str, AfterValidator(_is_a_cron_expression)]
"""A cron expression; empty where none is set."""

CurrencyCode = Annotated[str, AfterValidator(_is_a_currency)]
"""A code of ISO 4217, in capitals."""

WebAddress = Annotated[str, AfterValidator(_is_an_address)]
"""Scheme, host and port, without a slash at the end."""

Owners = Annotated[str, AfterValidator(_are_owners)]
"""Addresses and teams, separated by spaces or commas."""
