"""Secrets in files, as Docker, Kubernetes and systemd hand them over: `POLAR_ACCESS_TOKEN_FILE` names such a file."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from polar_attio_pipeline.setting_names import Variables

ENDING = "_file"
"""What the name of a variable ends with that names the file of a secret."""

MOST_BYTES = 64 * 1024
"""No secret is longer; a file that is, is another one."""


class SecretInFile(SecretStr):
    """A secret that was read from a file."""


def file_names(fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Return, for each secret among the fields of settings, the name in small letters that may name its file."""
    secrets = (name for name, field in fields.items() if field.annotation is SecretStr)
    return {name: f"{name}{ENDING}" for name in secrets}


def no_files(fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Return variables by which no secret comes from a file, for a program that sets its own by value."""
    return {name.upper(): "" for name in file_names(fields).values()}


def read(names: Mapping[str, str], variables: Variables, *, prefix: str = "") -> dict[str, SecretInFile]:
    """Read the secrets that files hold. A variable that is blank counts as not set.

    Args:
        names: For each secret the name that names its file, both in small letters.
        variables: What is set.
        prefix: What stands before every name in its place, and is left out in the others.

    Returns:
        Each secret that a file holds, without line breaks at its end.

    Raises:
        SettingsError: a secret is set by value and by file, or a file cannot be used; the text lists everything at
            once and shows no content.
    """
    found: dict[str, SecretInFile] = {}
    problems: list[str] = []
    for secret, name in names.items():
        path = (variables.values.get(name) or "").strip()
        label = f"{prefix}{name}".upper()
        if path and (variables.values.get(secret) or "").strip():
            value = f"{prefix}{secret}".upper()
            places = variables.places
            problems.append(f"{label} {places[name]} and {value} {places[secret]} are both set: keep one of them")
        elif path:
            try:
                found[secret] = SecretInFile(_content(path))
            except _UnusableError as error:
                problems.append(f"{label} {variables.places[name]} names {_named(path, label)} {error}")
    if problems:
        raise SettingsError("; ".join(problems))
    return found


class _UnusableError(Exception):
    """A file cannot be used; the text goes on after its name."""


def _content(path: str) -> str:
    """Return what a file holds, without line breaks at its end."""
    try:
        content = _bytes(Path(path).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        raise _UnusableError(_why_not(error)) from None
    if len(content) > MOST_BYTES:
        raise _UnusableError(f"that holds more than {MOST_BYTES // 1024} KiB, so it is no secret: name another file")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _UnusableError("that holds no text in UTF-8: write the secret into it anew") from None
    if not text.strip():
        raise _UnusableError("that is empty: write the secret into it")
    return text


def _bytes(path: Path) -> bytes:
    """Return what is in a file, and no more than a byte too much."""
    # Without waiting: a pipe that nothing writes to would otherwise be waited for without end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise _UnusableError("that is a folder: name the file in it")
        if not stat.S_ISREG(mode):
            raise _UnusableError("that is a pipe or a device: name a file")
        return os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def _why_not(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return "that does not exist: correct the path, or create it"
    if number in {errno.EACCES, errno.EPERM}:
        return f"that the user with the number {os.geteuid()} may not read: give this user the right to"
    reason = os.strerror(number) if number else "it is no path"
    return f"that cannot be read ({reason}): correct the path"


def _named(path: str, label: str) -> str:
    """Name a file in a message. A path that begins nowhere may be the secret itself, written in the wrong variable."""
    if path.startswith(("/", "~")):
        return f"a file {path}"
    return (
        f"a file below the working folder {Path.cwd()} (not shown, as it may be the secret itself: "
        f"{label} takes a path)"
    )


def shown(secret: SecretStr) -> str:
    """Say of a secret what may be shown: whether it is set, and whether by a file."""
    if isinstance(secret, SecretInFile):
        return "set, from a file"
    return "set" if secret.get_secret_value() else "not set"
