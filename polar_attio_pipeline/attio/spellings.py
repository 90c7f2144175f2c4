"""One address or domain in the spellings that Attio may hold: an international domain has two."""

import idna


def address_spellings(email: str) -> tuple[str, ...]:
    """Return an address with its domain in each spelling; what is no address stays as it is."""
    local, _, domain = email.rpartition("@")
    return tuple(f"{local}@{spelled}" for spelled in domain_spellings(domain)) if local else (email,)


def domain_spellings(domain: str) -> tuple[str, ...]:
    """Return a domain as it is, in ASCII and in its own script, each once."""
    spelled = {domain: None}
    for convert in (_to_ascii, idna.decode):
        try:
            spelled[convert(domain)] = None
        except (idna.IDNAError, UnicodeError):
            continue
    return tuple(spelled)


def _to_ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode("ascii")
