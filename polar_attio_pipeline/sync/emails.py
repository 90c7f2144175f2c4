"""When two spellings are one address."""

import idna

ANONYMISED_DOMAIN = "@anonymized.polar.sh"
"""What Polar writes over the address of a deleted and anonymised customer (its server's customer service)."""


def email_key(email: str) -> str:
    """Return the form under which two addresses are compared.

    Attio stores and matches addresses lower-cased (measured), Polar keeps the case of the local part (its server);
    plus tags are distinct in both. An international domain is brought to its ASCII form, so that both spellings are
    one address. What is no address at all is only trimmed and lower-cased: judging it is up to Attio.
    """
    lowered = email.strip().lower()
    local, at, domain = lowered.rpartition("@")
    if not at or domain.isascii():
        return lowered
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError:
        return lowered


def is_anonymised(email: str) -> bool:
    """Tell whether Polar has replaced this address because the customer was deleted."""
    return email.strip().lower().endswith(ANONYMISED_DOMAIN)
