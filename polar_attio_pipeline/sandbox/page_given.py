"""What the page sends."""

from typing import Any, Literal

from pydantic import BaseModel


class PersonGiven(BaseModel):
    """Somebody to add to Attio by hand."""

    email: str
    name: str | None = None


class EditGiven(BaseModel):
    """A value to write.

    Attributes:
        attribute: Its slug.
        text: As somebody types it: addresses divided by commas, a checkbox as `true`; nothing clears the attribute.
        actor: Who types it; `system` is Attio's enrichment.
    """

    attribute: str
    text: str
    actor: Literal["workspace-member", "system"] = "workspace-member"


class MergeGiven(BaseModel):
    """The person who goes into another."""

    secondary: str


class SwitchGiven(BaseModel):
    """Whether a fault is to be on."""

    on: bool


def typed(kind: str, text: str) -> Any:
    """Return typed text in the form that the attribute's type takes; nothing clears."""
    if not text:
        return []
    if kind == "personal-name":
        first, _, last = text.rpartition(" ")
        return {"first_name": first or last, "last_name": last if first else "", "full_name": text}
    if kind == "email-address":
        return text.replace(",", " ").split()
    return text.lower() == "true" if kind == "checkbox" else text
