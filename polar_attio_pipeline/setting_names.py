"""The names of settings: those that begin like ours but are none, and what was probably meant."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource, SettingsError

OURS = "polar_attio_"
"""Nothing but this pipeline has names that begin so."""

SHARED = ("polar_", "attio_")
"""Other programs may have names that begin so, such as the product that sells through Polar."""

IGNORE = "POLAR_ATTIO_IGNORE_NAMES"
NESTED = ("attio_slug__", "attio_company_slug__")
"""What the names begin with that rename attributes."""

_OF_EVERY_POD = "kubernetes_service_host"
_SERVICE_LINK = re.compile(
    r"\w+_(?:service_host|service_port(?:_\w+)?|port(?:_\d+_(?:tcp|udp|sctp)(?:_(?:proto|port|addr))?)?)"
)
"""What a pod has for each service of its namespace, by the service's name: of one that is called polar-attio,
POLAR_ATTIO_SERVICE_HOST and POLAR_ATTIO_PORT_80_TCP (Kubernetes' documentation of services, environment variables)."""


def unknown(
    names: Mapping[str, str], known: Collection[str], ignored: Collection[str], *, prefix: str = ""
) -> Iterator[str]:
    """Yield a sentence's part for each name that begins like a setting of ours and is none.

    Args:
        names: Each name in small letters, and where it stands, in words.
        known: The settings in small letters. Names that begin as in `NESTED` are judged elsewhere, by their value.
        ignored: Patterns of other programs' names in capitals, such as POLAR_WEBHOOK_SECRET or POLAR_PORT*. They do not
            apply to names that begin with POLAR_ATTIO_.
        prefix: What stands before every name in its place, and is left out in `names` and `known`.
    """
    for name, place in names.items():
        if not name.startswith(SHARED) or name in known or name.startswith(NESTED):
            continue
        ours = name.startswith(OURS)
        if not ours and any(fnmatchcase(name.upper(), pattern) for pattern in ignored):
            continue
        other = "" if ours else f" (if another program uses it, add it to {prefix.upper()}{IGNORE})"
        whole = f"{prefix}{name}".upper()
        yield f"{whole} {place} is no setting, {nearest(name, known, prefix=prefix)}{other}"


def nearest(name: str, known: Collection[str], *, prefix: str = "") -> str:
    """Say which known name, in capitals, is the nearest one, as the end of a sentence."""
    found = get_close_matches(name, known, n=1)
    return (
        f"the nearest one is {prefix.upper()}{found[0].upper()}"
        if found
        else "and none has a similar name: `polar-attio init --show .env` lists all"
    )


@dataclass(frozen=True, slots=True)
class Variables:
    """What the environment and .env hold, by name in small letters and without the prefix of a host project.

    Attributes:
        values: Each value; the environment wins.
        places: Where each name stands, in words.
        in_a_pod: Whether this is a pod of Kubernetes, which has variables for each service of its namespace.
    """

    values: Mapping[str, str | None]
    places: Mapping[str, str]
    in_a_pod: bool = False


def read(environment: PydanticBaseSettingsSource, file: PydanticBaseSettingsSource, *, prefix: str) -> Variables:
    """Return what the environment and .env hold below a prefix."""
    in_environment, in_file = (_below(source, prefix) for source in (environment, file))
    return Variables(
        values={**in_file, **in_environment},
        places={**dict.fromkeys(in_file, "in .env"), **dict.fromkeys(in_environment, "in the environment")},
        in_a_pod=_OF_EVERY_POD in _below(environment, ""),
    )


def refuse_unknown(variables: Variables, *, known: Collection[str], prefix: str) -> None:
    """Raise `SettingsError` that lists what begins like a setting of ours and is none, in the environment or .env."""
    ignored = variables.values.get(IGNORE.lower()) or ""
    links = {name for name in variables.places if variables.in_a_pod and _SERVICE_LINK.fullmatch(name)}
    places = {name: place for name, place in variables.places.items() if name not in links}
    problems = list(unknown(places, known, ignored.upper().replace(",", " ").split(), prefix=prefix))
    if problems:
        raise SettingsError("; ".join(problems))


def _below(source: PydanticBaseSettingsSource, prefix: str) -> Mapping[str, str | None]:
    """Return what the environment or a file holds under a prefix, by the rest of the name in small letters."""
    variables = source.env_vars if isinstance(source, EnvSettingsSource) else {}
    return {name.removeprefix(prefix): value for name, value in variables.items() if name.startswith(prefix)}


def renamed_keys(renamed: Mapping[str, str], known: Collection[str], what: str) -> dict[str, str]:
    """Return renamed attributes by key in small letters.

    Args:
        renamed: The slug of each key, as given.
        known: The keys that there are.
        what: What they are keys of, as in "attribute".

    Raises:
        ValueError: no attribute has such a key; the text names the nearest one.
    """
    lowered = {key.lower(): slug for key, slug in renamed.items()}
    unknown = sorted(lowered.keys() - set(known))
    if unknown:
        named = (f"no {what} is called {key}, {nearest(key, known)}" for key in unknown)
        raise ValueError("; ".join(named))
    return lowered
