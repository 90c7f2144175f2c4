"""What a client waits for, to be shown to people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait between two attempts.

    Attributes:
        service: Whose.
        answer: What it answered, or how it failed, and to what: "429 to GET /v1/customers/".
        until: When it ends, by the client's clock.
        is_for_all: Whether no other request leaves meanwhile either.
    """

    service: str
    answer: str
    until: float
    is_for_all: bool


def longer(one: Wait | None, other: Wait) -> Wait:
    """Return the wait to show of two: the one that ends last."""
    return one if one and one.until > other.until else other
