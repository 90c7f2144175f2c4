"""What Postgres' driver raises, in one sentence for a person: what is wrong, where, what to do."""

import re

from sqlalchemy.exc import DBAPIError, OperationalError

from polar_attio_pipeline.ledger.location import Location

BUSY = frozenset({"55P03", "40P01"})
"""The SQLSTATE of a lock that was not granted in time, and of a deadlock."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_STATE = {
    "25006": (
        "cannot be written: give its user the right to create tables and to write, and name a primary server in "
        "POLAR_ATTIO_DATABASE_URL, not a standby."
    ),
    "3F000": (
        "names a schema in search_path that does not exist: create it, or correct the options of "
        "POLAR_ATTIO_DATABASE_URL."
    ),
    "22P05": (
        "is in a database whose encoding lacks characters that names have: create a database with ENCODING 'UTF8', and "
        "name it in POLAR_ATTIO_DATABASE_URL."
    ),
    "53100": "cannot grow, because the disk of its server is full: free some space there, then run this again.",
    "53300": "is on a server that takes no more connections: close some or raise max_connections, then run this again.",
    "57014": (
        "was too slow for the time that its server allows a statement: raise statement_timeout for its user, then run "
        "this again."
    ),
    "57P01": "was shut down by its server in the middle: see that the server runs, then run this again.",
    "58030": "could not be read or written by its server: check the disk of the server, then run this again.",
    "XX001": "is damaged, as its server finds: restore its newest backup.",
    "XX002": "has a damaged index, as its server finds: run REINDEX DATABASE there, then run this again.",
}
_BY_STATE |= {"42501": _BY_STATE["25006"], "57P02": _BY_STATE["57P01"], "57P03": _BY_STATE["57P01"]}

# A connection that is refused has no SQLSTATE in the driver, only the server's words.
_BY_WORDS = (
    (
        r"password|role .* does not exist|no pg_hba\.conf entry|authentication failed",
        "is on a server that refuses the user, the password or this machine: correct them in POLAR_ATTIO_DATABASE_URL, "
        "special characters of the password percent-encoded, or allow them in the server's pg_hba.conf",
    ),
    (
        r"database .* does not exist",
        "names a database that its server does not have: create it, or correct the name in POLAR_ATTIO_DATABASE_URL",
    ),
    (r"connection slots|too many (clients|connections)", _BY_STATE["53300"].removesuffix(".")),
    (
        r"starting up|shutting down|in recovery mode|not (yet )?accepting connections",
        "is on a server that is starting or stopping: wait until it runs, then run this again",
    ),
    (
        r"invalid connection option|bad value for|unrecognized configuration parameter|SSL",
        "has an option in POLAR_ATTIO_DATABASE_URL that the server or the driver does not know or allow: correct it",
    ),
)
_UNREACHABLE = "cannot be reached: see that its server runs and that POLAR_ATTIO_DATABASE_URL names its host and port"


def state_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE; None where the driver has none."""
    state: str | None = getattr(error, "sqlstate", None)
    return state


def sentence(place: Location, error: DBAPIError) -> str | None:
    """Return what is wrong with a ledger; None if the statement is wrong in itself."""
    known = _BY_STATE.get(state_of(error.orig) or "")
    if known:
        return f"The ledger {place.name} {known}"
    words = _words(place, error.orig)
    found = next((advice for pattern, advice in _BY_WORDS if re.search(pattern, words, re.IGNORECASE)), None)
    if state_of(error.orig) is None and found:
        return f"The ledger {place.name} {found}; the driver says: {words}"
    if isinstance(error, OperationalError):
        return f"The ledger {place.name} {_UNREACHABLE}; the driver says: {words}"
    return None


def _words(place: Location, error: BaseException | None) -> str:
    """Return the first line of a driver's message without the password, should it repeat that."""
    first = next(iter(str(error).strip().splitlines()), "nothing")
    for secret in (place.url.password, *place.url.normalized_query.get("password", ())):
        first = first.replace(secret, "***") if secret else first
    return first
