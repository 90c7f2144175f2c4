"""What the client has to know of one kind of Attio's records, such as people or companies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from polar_attio_pipeline.sync.mapping import Attribute


@dataclass(frozen=True, slots=True)
class Matching:
    """The attribute by which Attio itself tells an object's records apart: unique, with several values each.

    Attributes:
        slug: Its slug. A system attribute: no workspace can rename it.
        field: The property that holds the text, in values and in filters alike.
        spellings: Returns a text in every spelling that Attio may hold it in.
    """

    slug: str
    field: str
    spellings: Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class AttioObject:
    """One object of Attio, and what the sync keeps in its records.

    Attributes:
        slug: Its slug, which paths have, and what sentences call its records.
        title: What Attio's settings call it.
        noun: What the web address of one record has.
        matching: The attribute by which records are found where they hold no id of Polar yet.
        attributes: Those that the sync can write.
        id_key: The key of the text attribute that holds Polar's id, a UUID; None where the records hold none.
        mark_key: The key of the checkbox that marks a record as known to Polar.
        slug_setting: What the environment variable that renames an attribute begins with.
    """

    slug: str
    title: str
    noun: str
    matching: Matching
    attributes: tuple[Attribute[Any], ...]
    id_key: str | None
    mark_key: str
    slug_setting: str

    @property
    def attributes_path(self) -> str:
        """The path of its attributes."""
        return f"/v2/objects/{self.slug}/attributes"

    @property
    def records_path(self) -> str:
        """The path of its records."""
        return f"/v2/objects/{self.slug}/records"

    def setting(self, key: str) -> str:
        """Return the environment variable that says which slug an attribute has."""
        return self._declared_in(key) or f"{self.slug_setting}{key.upper()}"

    def advice(self, key: str, slug: str) -> str:
        """Say how an attribute gets another slug, as a part of a sentence.

        Args:
            key: Of the attribute.
            slug: In words, such as "another slug".
        """
        declared_in = self._declared_in(key)
        return f"in {declared_in}, give {key} {slug}" if declared_in else f"set {self.setting(key)} to {slug}"

    def _declared_in(self, key: str) -> str:
        return next((attribute.declared_in for attribute in self.attributes if attribute.key == key), "")
