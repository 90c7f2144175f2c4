"""Which settings the running processes have loaded, as the ledger keeps it: values, without Dagster and without SQL."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import BaseModel, TypeAdapter, ValidationError

from polar_attio_pipeline.processes import is_gone, process_identity
from polar_attio_pipeline.settings import Settings

LOADED = "loaded_settings"
"""The fact that holds the settings of the processes that have loaded the code location."""

MOST_PROCESSES = 20
"""So many are kept: those of other machines cannot be seen to end."""


_UI_ADDRESS = "POLAR_ATTIO_DAGSTER_URL"


class Load(BaseModel):
    """The settings that one process has loaded.

    Attributes:
        process: Which process, by `processes.process_identity`.
        at: When it loaded them.
        values: Each setting as it may be shown.
        salt: Of the hashes, in hexadecimal.
        hashes: The salted hash of each secret, in hexadecimal.
    """

    process: str
    at: datetime
    values: dict[str, str]
    salt: str
    hashes: dict[str, str]


_LOADS = TypeAdapter(list[Load])


def parse(known: str | None) -> Sequence[Load]:
    """Return what is on record, the newest first; nothing where another version has written it."""
    try:
        return _LOADS.validate_json(known) if known else []
    except ValidationError:
        return []


def with_this_process(known: str | None, settings: Settings, now: datetime) -> str:
    """Return what is to be on record: this process first, and no process that has ended."""
    salt = secrets.token_hex(16)
    hashes = {name: _hash(value, salt) for name, value in settings.secrets().items()}
    mine = Load(process=process_identity(), at=now, values=settings.shown(), salt=salt, hashes=hashes)
    others = [load for load in parse(known) if load.process != mine.process and not is_gone(load.process)]
    return _LOADS.dump_json([mine, *others][:MOST_PROCESSES]).decode()


def differences(load: Load, settings: Settings) -> Iterator[str]:
    """Yield the name of each setting that differs from what a process has loaded."""
    now = settings.secrets()
    given = {name.upper() for name in settings.model_fields_set}
    for name, value in settings.shown().items():
        if name == _UI_ADDRESS and name not in given:
            # `polar-attio dev` sets it to the port that it has found.
            continue
        if name in now:
            same = hmac.compare_digest(load.hashes.get(name, ""), _hash(now[name], load.salt))
        else:
            same = load.values.get(name) == value
        if not same:
            yield name


def _hash(secret: str, salt: str) -> str:
    # Slow on purpose: a password of a database or of a mail server may be guessable.
    return hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), n=4096, r=8, p=1, dklen=16).hex()
