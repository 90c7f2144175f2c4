"""Objects, attributes and select options: what a workspace's records are made of."""

from dataclasses import dataclass, field
from typing import Any, Literal

ActorType = Literal["api-token", "workspace-member", "system", "app"]

TYPES = (
    "text",
    "number",
    "checkbox",
    "currency",
    "date",
    "timestamp",
    "rating",
    "status",
    "select",
    "record-reference",
    "actor-reference",
    "location",
    "domain",
    "email-address",
    "phone-number",
    "interaction",
    "personal-name",
)


@dataclass(slots=True, eq=False)
class Option:
    """A title that a select attribute offers."""

    id: str
    title: str
    is_archived: bool = False


@dataclass(slots=True, eq=False)
class Attribute:
    """One attribute of an object. Compared by identity: a slug may change under its values.

    Attributes:
        inverse_of: The attribute of the other object that holds this relationship's values.
        computed: Attio derives the value from the record itself; it has no history.
    """

    id: str
    slug: str
    title: str
    type: str
    created_at: str
    description: str | None = None
    is_system: bool = False
    is_writable: bool = True
    is_required: bool = False
    is_unique: bool = False
    is_multiselect: bool = False
    is_archived: bool = False
    default_value: dict[str, Any] | None = None
    relationship: dict[str, Any] | None = None
    currency_code: str | None = None
    currency_display: str | None = None
    allowed_object_ids: tuple[str, ...] | None = None
    options: list[Option] = field(default_factory=list)
    inverse_of: "Attribute | None" = None
    computed: bool = False

    def option(self, title_or_id: str) -> Option | None:
        """Return an option that can still be chosen."""
        found = self.any_option(title_or_id)
        return found if found and not found.is_archived else None

    def any_option(self, title_or_id: str) -> Option | None:
        """Return an option, archived or not."""
        return next((option for option in self.options if title_or_id in (option.id, option.title)), None)


@dataclass(slots=True, eq=False)
class ObjectType:
    """A kind of record. `attributes` is in the order of Attio's UI."""

    id: str
    slug: str
    singular_noun: str
    plural_noun: str
    created_at: str
    attributes: list[Attribute] = field(default_factory=list)

    def find(self, slug_or_id: str) -> Attribute | None:
        """Return an attribute, archived or not."""
        return next((found for found in self.attributes if slug_or_id in (found.slug, found.id)), None)

    def attribute(self, slug: str) -> Attribute:
        """Return an attribute that is known to exist.

        Raises:
            LookupError: it does not.
        """
        found = self.find(slug)
        if found is None:
            raise LookupError(f"{self.slug} have no attribute {slug}")
        return found

    def live(self) -> list[Attribute]:
        """Return the attributes that are not archived."""
        return [attribute for attribute in self.attributes if not attribute.is_archived]


def dump_object(workspace_id: str, object_type: ObjectType) -> dict[str, Any]:
    """Return an object as the API shows it."""
    return {
        "id": {"workspace_id": workspace_id, "object_id": object_type.id},
        "api_slug": object_type.slug,
        "singular_noun": object_type.singular_noun,
        "plural_noun": object_type.plural_noun,
        "created_at": object_type.created_at,
    }


def dump_attribute(workspace_id: str, object_type: ObjectType, attribute: Attribute) -> dict[str, Any]:
    """Return an attribute as the API shows it."""
    return {
        "id": {"workspace_id": workspace_id, "object_id": object_type.id, "attribute_id": attribute.id},
        "title": attribute.title,
        "description": attribute.description,
        "api_slug": attribute.slug,
        "type": attribute.type,
        "is_system_attribute": attribute.is_system,
        "is_writable": attribute.is_writable,
        "is_required": attribute.is_required,
        "is_unique": attribute.is_unique,
        "is_multiselect": attribute.is_multiselect,
        "is_default_value_enabled": attribute.default_value is not None,
        "is_archived": attribute.is_archived,
        "default_value": attribute.default_value,
        "relationship": attribute.relationship,
        "created_at": attribute.created_at,
        "config": {
            "currency": {
                "default_currency_code": attribute.currency_code,
                "display_type": attribute.currency_display,
            },
            "record_reference": {
                "allowed_object_ids": attribute.allowed_object_ids and list(attribute.allowed_object_ids)
            },
        },
    }


def dump_option(workspace_id: str, object_id: str, attribute: Attribute, option: Option) -> dict[str, Any]:
    """Return a select option as the API shows it."""
    return {
        "id": {
            "workspace_id": workspace_id,
            "object_id": object_id,
            "attribute_id": attribute.id,
            "option_id": option.id,
        },
        "title": option.title,
        "is_archived": option.is_archived,
    }
