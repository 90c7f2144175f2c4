"""Whether other users of a machine can come at a ledger in SQLite."""

from pathlib import Path

from polar_attio_pipeline.ledger.location import Location

_READABLE = 0o077
_REPLACEABLE = 0o022
_STICKY = 0o1000
"""In a folder with this bit users replace only their own files, such as in /tmp."""


def exposure(place: Location) -> str | None:
    """Return what other users may do with a ledger, in one sentence with the command that ends it; None if nothing.

    The ledger makes its own files and folders private, whatever the umask says. It leaves the permissions of those that
    were there before as they are: somebody may have wanted them.
    """
    if place.file is None or not place.file.exists():
        return None
    readable = [str(file) for file in _files(place.file) if file.exists() and file.stat().st_mode & _READABLE]
    if readable:
        return (
            f"{', '.join(readable)} can be read by other users of this machine, and holds names and addresses: "
            f"chmod 600 {' '.join(readable)}"
        )
    folder = place.file.absolute().parent
    mode = folder.stat().st_mode
    if mode & _REPLACEABLE and not mode & _STICKY:
        return f"Other users of this machine may replace the ledger {place.name}: chmod 700 {folder}"
    return None


def _files(file: Path) -> list[Path]:
    return [file, *(file.with_name(f"{file.name}-{kind}") for kind in ("wal", "shm"))]
