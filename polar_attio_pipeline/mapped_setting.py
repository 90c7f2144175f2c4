"""The setting `POLAR_ATTIO_ATTRIBUTES`: attributes of Attio that take a value of Polar's, as JSON."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.mapped import FIELDS, METADATA, POLICIES, TYPES, Mapped
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.records import ValueType

_SLUG = re.compile(r"[a-z0-9_-]+")
"""Attio writes slugs in snake case (its API specification); a person may have put a hyphen into one."""

_EXAMPLE = '{"plan_tier": {"from": "metadata.tier"}}'

_PARTS = ("from", "type", "policy", "options")


def parse(text: str, *, taken: Mapping[str, str]) -> tuple[Mapped, ...]:
    """Return the entries of the setting.

    Args:
        text: JSON; blank for none.
        taken: The slugs and keys that other attributes have, and the key of each.

    Raises:
        ValueError: something is wrong; the text lists everything at once, each with what to do.
    """
    if not text.strip():
        return ()
    entries = _entries(text)
    problems = [f"{slug}: there are two entries of this slug: keep one of them" for slug in entries.doubles]
    for slug, entry in entries.items():
        problems += [f"{slug}: {problem}" for problem in _problems(slug, entry, taken)]
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(_mapped(slug, entry) for slug, entry in entries.items())


class _Object(dict[str, Any]):
    """An object of JSON that knows the keys which stand there more than once."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        listed = list(pairs)
        super().__init__(listed)
        keys = [key for key, _ in listed]
        self.doubles = [key for key in self if keys.count(key) > 1]


def _entries(text: str) -> _Object:
    try:
        found = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"it is not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}): write it like {_EXAMPLE}"
        ) from None
    except (ValueError, RecursionError):
        raise ValueError(f"it is not JSON that can be read: write it like {_EXAMPLE}") from None
    if not isinstance(found, _Object):
        raise ValueError(f"it is not an object of JSON: write it like {_EXAMPLE}")  # noqa: TRY004  # for pydantic
    return found


def _problems(slug: str, entry: Any, taken: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with an entry, each with what to do."""
    yield from _slug_problems(slug, taken)
    if not isinstance(entry, _Object):
        yield f"it is not an object: write it like {_EXAMPLE}"
        return
    yield from (f"there are two {part}: keep one of them" for part in entry.doubles)
    yield from (f"there is no part {part}, {_choice(part, _PARTS)}" for part in entry if part not in _PARTS)
    kind, policy = entry.get("type", "text"), entry.get("policy", "unless typed")
    yield from _source_problems(entry.get("from"))
    if kind == ValueType.CURRENCY:
        yield "the type currency is not possible, because the value does not say its currency: take number"
    elif kind not in TYPES:
        yield f"there is no type {kind}, {_choice(kind, TYPES)}"
    if policy not in tuple(POLICIES):
        yield f"there is no policy {policy}, {_choice(policy, POLICIES)}"
    yield from _option_problems(entry.get("options", []), kind)


def _slug_problems(slug: str, taken: Mapping[str, str]) -> Iterator[str]:
    if not _SLUG.fullmatch(slug):
        yield "no attribute has such a slug: write small letters, digits and underscores"
    if slug == EMAILS_KEY:
        yield "people are known by their addresses, which no setting maps: take another slug"
    if slug in taken:
        yield f"the sync has the attribute {taken[slug]} there already: take another slug"


def _source_problems(source: Any) -> Iterator[str]:
    if not isinstance(source, str) or not source.strip():
        yield 'it does not say where the value is from: add "from" with metadata.KEY or a field'
    elif source in {METADATA, METADATA.removesuffix(".")}:
        yield "it names no key of the metadata: write metadata.KEY"
    elif not source.startswith(METADATA) and source not in FIELDS:
        yield f"there is no field {source}, {_choice(source, FIELDS)}; or write metadata.KEY"


def _option_problems(options: Any, kind: Any) -> Iterator[str]:
    if not isinstance(options, list) or not all(isinstance(title, str) and title.strip() for title in options):
        yield 'options are a list of titles: write them like ["Free", "Pro"]'
    elif len({title.strip() for title in options}) < len(options):
        yield "an option stands there twice: keep one of them"
    elif options and kind != ValueType.SELECT:
        yield "only the type select has options: take it, or leave them out"


def _choice(given: Any, known: Collection[str]) -> str:
    """Say what is possible instead of something unknown, as the end of a sentence."""
    nearest = get_close_matches(str(given), known, n=1, cutoff=0.5)
    return f"the nearest one is {nearest[0]}" if nearest else f"possible are {', '.join(known)}"


def _mapped(slug: str, entry: Mapping[str, Any]) -> Mapped:
    return Mapped(
        slug=slug,
        source=entry["from"],
        type=ValueType(entry.get("type", "text")),
        policy=POLICIES[entry.get("policy", "unless typed")],
        options=tuple(title.strip() for title in entry.get("options", ())),
    )


def taken_slugs(renamed: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of the sync's own attributes, by these keys and by their slugs."""
    return {**{key: key for key in BY_KEY}, **{renamed.get(key) or key: key for key in BY_KEY}}
