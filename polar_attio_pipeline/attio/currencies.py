"""Attio's codes of currencies, which are those of ISO 4217 but for one."""

_ISO_BY_ATTIO = {"NTD": "TWD"}
"""Attio's specification lists the New Taiwan dollar under a code that ISO 4217 does not have."""

_ATTIO_BY_ISO = {iso: attio for attio, iso in _ISO_BY_ATTIO.items()}


def iso_code(code: object) -> str | None:
    """Return the ISO 4217 code, in capitals, of a currency as Attio names it; None for what is no code."""
    if not isinstance(code, str) or not code:
        return None
    capitals = code.upper()
    return _ISO_BY_ATTIO.get(capitals, capitals)


def attio_code(iso: str) -> str:
    """Return Attio's code of a currency of ISO 4217."""
    return _ATTIO_BY_ISO.get(iso, iso)
