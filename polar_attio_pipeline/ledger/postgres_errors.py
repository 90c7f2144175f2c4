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
    "25P03": (
        "lost its connection in the middle, because its server ends transactions that pause: raise "
        "idle_in_transaction_session_timeout for its user, then run this again."
    ),
    "3F000": (
        "names a schema in search_path that does not exist: create it, or correct the options of "
        "POLAR_ATTIO_DATABASE_URL."
    ),
    "42P01": (
        "lacks a table or a column of its own, as after a restore in part or a change by hand: restore its newest "
        "backup as a whole."
    ),
    "22P05": (
        "is in a database whose encoding lacks characters that names have: create a database with ENCODING 'UTF8', and "
        "name it in POLAR_ATTIO_DATABASE_URL."
    ),
    "53100": "cannot grow, because the disk of its server is full: free some space there, then run this again.",
    "53200": "is on a server that has no memory left: free some there, then run this again.",
    "53300": "is on a server that takes no more connections: close some or raise max_connections, then run this again.",
    "57014": (
        "was too slow for the time that its server allows a statement: raise statement_timeout for its user, then run "
        "this again."
    ),
    "57P01": "was shut down by its server in the middle: see that the server runs, then run this again.",
    "57P04": (
        "was deleted on its server in the middle: restore its newest backup, or name another database in "
        "POLAR_ATTIO_DATABASE_URL."
    ),
    "58030": "could not be read or written by its server: check the disk of the server, then run this again.",
    "XX001": "is damaged, as its server finds: restore its newest backup.",
    "XX002": "has a damaged index, as its server finds: run REINDEX DATABASE there, then run this again.",
}
_BY_STATE |= {"42501": _BY_STATE["25006"], "57P02": _BY_STATE["57P01"], "57P03": _BY_STATE["57P01"]}
_BY_STATE |= {"42703": _BY_STATE["42P01"], "25P04": _BY_STATE["57014"].replace("statement_", "transaction_")}

_AWAY_STATES = frozenset({"57P01", "57P02", "57P03"})
_AWAY_WORDS = r"starting up|shutting down|in recovery mode|not (yet )?accepting connections"
_LOST_WORDS = (
    r"server closed the connection|connection to server was lost|terminating connection|consuming input failed|"
    r"SSL connection has been closed|SSL SYSCALL error"
)

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
        _AWAY_WORDS,
        "is on a server that is starting or stopping: wait until it runs, then run this again",
    ),
    (
        _LOST_WORDS,
        "lost the connection to its server in the middle: see that the server runs, and that no firewall or proxy "
        "between cuts connections, then run this again",
    ),
    (
        r"unsupported startup parameter",
        "is behind a pooler of connections that does not pass the options of POLAR_ATTIO_DATABASE_URL on: leave them "
        "out (set search_path for the user instead), or name the server itself",
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


def is_away(error: BaseException, *, was_there: bool) -> bool:
    """Tell whether a server takes no connection for a moment, as in a restart, so that another try may succeed.

    Args:
        error: Of an attempt to connect.
        was_there: Whether an earlier attempt succeeded: if none did, host and port may as well be wrong.
    """
    if not isinstance(error, OperationalError):
        return False
    if state_of(error.orig) is not None:
        return state_of(error.orig) in _AWAY_STATES
    words = str(error.orig)
    known = next((pattern for pattern, _ in _BY_WORDS if re.search(pattern, words, re.IGNORECASE)), None)
    return known == _AWAY_WORDS or (was_there and known in {None, _LOST_WORDS})


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
