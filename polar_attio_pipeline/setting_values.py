"""Single values of settings that have a form: each is checked where it is set, and says what to write instead."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from polar_attio_pipeline.cron import checked
from polar_attio_pipeline.sync.companies.domains import is_host
from polar_attio_pipeline.sync.money import decimal_places

_OWNER = re.compile(r"team:.+|[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", re.ASCII)
"""What Dagster takes for an owner of an asset."""

_API_EXAMPLE = "https://api.example.com"

_HOST_AND_PORT = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?")
"""Nothing that another reader of addresses could take for the beginning of something else."""


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


def api_address(url: str) -> str:
    """Return the address of an API that a token may be sent to: scheme, host and port, without a slash at the end.

    Raises:
        ValueError: it is none. The text says what to write instead and does not repeat the address, which may hold a
            password.
    """
    parts = _parts(url, example=_API_EXAMPLE)
    if parts.path.strip("/") or parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"it goes on after the host: write scheme and host alone, such as {_API_EXAMPLE}")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise ValueError(
            "it begins with http://, so the token would travel unencrypted: write https:// (http:// is for localhost, "
            "127.0.0.1 and [::1] only)"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _is_an_address(url: str) -> str:
    example = "http://127.0.0.1:3000"
    parts = _parts(url, example=example)
    if parts.query or parts.fragment:
        raise ValueError(f"it has a query or a fragment: write the address of Dagster's UI alone, such as {example}")
    return url.strip().rstrip("/")


def _parts(url: str, *, example: str) -> SplitResult:
    """Return the parts of an address.

    Args:
        url: As a person has typed it, space around it included.
        example: An address as it should be.

    Raises:
        ValueError: it is no address of http or https, or has a user or a password in it, which messages would show.
    """
    stripped = url.strip()
    if not stripped:
        raise ValueError(f"it is empty: leave it out, or write an address such as {example}")
    if not stripped.lower().startswith(("http://", "https://")):
        raise ValueError(f"it begins with neither https:// nor http://: write an address such as {example}")
    try:
        parts = urlsplit(stripped)
        parts.port  # noqa: B018  # raises where it is none
    except ValueError:
        raise ValueError(f"it is no address: write one such as {example}") from None
    if "@" in parts.netloc:
        raise ValueError(f"it has a user or a password in it: leave out what stands before the @, as in {example}")
    if not stripped.isprintable() or " " in stripped or not _HOST_AND_PORT.fullmatch(parts.netloc):
        raise ValueError(f"it is no address: write one such as {example}")
    return parts


def _is_this_machine(host: str) -> bool:
    """Tell whether a host is reached without a network; names that a resolver may map anywhere are none of them."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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

ApiAddress = Annotated[str, AfterValidator(api_address)]
"""Where a token is sent: scheme, host and port, by https but for this machine, without a slash at the end."""

WebAddress = Annotated[str, AfterValidator(_is_an_address)]
"""What a person opens, without a slash at the end."""

Owners = Annotated[str, AfterValidator(_are_owners)]
"""Addresses and teams, separated by spaces or commas."""
