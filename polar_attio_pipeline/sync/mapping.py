"""What an attribute of Attio is to the sync, and what Polar says for it in the types that a workspace has."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.records import Value, ValueType
from polar_attio_pipeline.sync.scalars import Unfit

Source = TypeVar("Source")
"""What Polar says: a customer, for the attributes of people."""


class Nothing(Enum):
    """Polar says that there is none, as against saying nothing: what an earlier pass has written is cleared."""

    NOTHING = "nothing"


Said = Value | tuple[Money, ...] | Nothing | Unfit | None
"""What Polar says for an attribute; None is nothing at all. Of money, each currency by itself: none of it is zero."""


class Policy(StrEnum):
    """When a value that differs is written over the one that Attio holds.

    A value written by Attio's enrichment is left alone under every policy but `ALWAYS`: the API cannot override it
    (docs.attio.com), so a pass that tried would find the same difference for ever.
    """

    ALWAYS = "always"
    """The sync's own mark: always what Polar says."""
    OVER_TYPING = "also over what a person typed"
    """Follow Polar, whoever wrote the value."""
    UNLESS_TYPED = "unless typed by a person"
    """Follow Polar, but keep what a workspace member typed (a setting lifts that)."""
    WHEN_EMPTY = "when empty"
    """Only where Attio holds nothing: what is there is not even compared."""


@dataclass(frozen=True, slots=True)
class Attribute(Generic[Source]):
    """One attribute of an object of Attio that the sync can write.

    Attributes:
        key: Its name in this code and its slug in Attio unless a setting renames it.
        title: What people read in Attio.
        description: What the attribute is for, shown in Attio.
        types: The Attio types it can be written to; `setup` creates the first.
        source: Where the value comes from, for people who read the list of attributes.
        value: Takes the Polar side; None means nothing to say, and never erases.
        policy: When it is written over what is there.
        options: Titles of the options of a select, which `setup` creates.
        scope: What the Polar token must be allowed to read for it.
        of_deleted: What it holds of a customer who was deleted; None leaves what is there.
        grows: Time alone makes it later, or more, for everybody: that step is no reason to stop a pass (`brake`).
        required: A run refuses to start where the workspace lacks it.
        standard: Every workspace has it, so `setup` never creates it.
        declared_in: The environment variable that declares it; empty where it is declared in code.
    """

    key: str
    title: str
    description: str
    types: tuple[ValueType, ...]
    source: str
    value: Callable[[Source], Said]
    policy: Policy = Policy.UNLESS_TYPED
    options: tuple[str, ...] = ()
    scope: str = "customers:read"
    of_deleted: Value | Nothing | None = None
    grows: bool = False
    required: bool = False
    standard: bool = False
    declared_in: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute as this workspace has it: the declaration, and the one type to write.

    Attributes:
        attribute: The declaration.
        type: The type that the workspace has it in.
        currency: Of a currency attribute, ISO 4217 in capitals: Attio keeps the currency with the attribute.
        options: Of a select, the titles that the workspace has; any other would be refused with the whole record.
    """

    attribute: Attribute[Any]
    type: ValueType
    currency: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Polar says about a customer or a company, for the attributes of a workspace.

    Attributes:
        values: By attribute key; None is to be cleared.
        left_empty: Why an attribute cannot hold what Polar says, by key.
    """

    values: dict[str, Value | None]
    left_empty: dict[str, str]


def wanted(source: object, targets: tuple[Target, ...], *, held: Collection[str] = ()) -> Wanted:
    """Return what Polar says for the attributes of an object, by key, in the types that the workspace has.

    Args:
        source: What the attributes take their values from, such as a customer.
        targets: The attributes as the workspace has them.
        held: Keys of the attributes that hold something: those that are only filled are left out then.
    """
    found = Wanted({}, {})
    for target in targets:
        said, key = target.attribute.value(source), target.attribute.key
        if said is None or said == "" or (key in held and target.attribute.policy is Policy.WHEN_EMPTY):
            continue
        problem = _problem(target, said)
        if problem:
            found.left_empty[key] = problem
        found.values[key] = None if problem else _as(target, said)
    return Wanted({key: value for key, value in found.values.items() if value != ""}, found.left_empty)


def _problem(target: Target, said: Said) -> str | None:
    """Say why the attribute cannot hold a value."""
    if isinstance(said, Unfit):
        return said.why
    if target.type is ValueType.SELECT and isinstance(said, str) and said.strip() not in target.options:
        is_declared = said.strip() in target.attribute.options
        cure = "run `polar-attio setup`" if is_declared else "add it to the attribute in Attio"
        return f"the attribute has no option {said.strip()}: {cure}"
    if not isinstance(said, tuple):
        return None
    others = sorted({money.currency for money in said} - {target.currency})
    if others:
        return f"it is paid in {' and '.join(others)}, the attribute is in {target.currency or 'no known currency'}"
    if any(money.amount is None for money in said):
        return f"how many decimal places the currency {target.currency} has is not known"
    return None


def _as(target: Target, value: Said) -> Value | None:
    if value is None or isinstance(value, Nothing | Unfit):
        return None
    if isinstance(value, tuple):
        return sum((money.amount or Decimal(0) for money in value), Decimal(0))
    if isinstance(value, datetime):
        in_utc = value.astimezone(UTC)
        return in_utc.date() if target.type is ValueType.DATE else in_utc
    return value.strip() if isinstance(value, str) else value
