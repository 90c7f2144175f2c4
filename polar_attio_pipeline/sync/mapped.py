"""Attributes that a setting maps: any metadata of Polar's, or a field, to a slug of the workspace."""

from collections.abc import Iterable
from dataclasses import dataclass

from polar_attio_pipeline.sync.mapping import Attribute, Policy, Said
from polar_attio_pipeline.sync.records import Customer, ValueType
from polar_attio_pipeline.sync.scalars import CONVERSIONS, Unfit, convert

SETTING = "POLAR_ATTIO_ATTRIBUTES"

METADATA = "metadata."
"""What stands before the key of a customer's metadata; the key itself may hold dots and spaces."""

EXPORTED = (
    "external_id",
    "name",
    "tax_id",
    "billing_address.line1",
    "billing_address.line2",
    "billing_address.city",
    "billing_address.state",
    "billing_address.postal_code",
    "billing_address.country",
)
"""Fields of a customer that its page, the list and the export say."""

ONLY_LISTED = ("type", "locale", "billing_name", "email_verified", "first_user_event_at")
"""Fields that the export does not say: they are written by passes that read customers in another way."""

FIELDS = (*EXPORTED, *ONLY_LISTED)

TYPES = tuple(kind.value for kind in CONVERSIONS)

POLICIES = {
    "always": Policy.OVER_TYPING,
    "unless typed": Policy.UNLESS_TYPED,
    "when empty": Policy.WHEN_EMPTY,
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One entry of the setting.

    Attributes:
        slug: Of the attribute in the workspace, which is its key here too.
        source: `metadata.` and a key, or one of `FIELDS`.
        type: Of the attribute.
        policy: When it is written over what is there.
        options: Of a select, the titles that `setup` creates.
    """

    slug: str
    source: str
    type: ValueType = ValueType.TEXT
    policy: Policy = Policy.UNLESS_TYPED
    options: tuple[str, ...] = ()

    def attribute(self) -> Attribute[Customer]:
        """Return the attribute as every other part knows attributes."""
        return Attribute(
            key=self.slug,
            title=self.slug.replace("_", " ").capitalize(),
            description=f"From {self._described}. Kept by the Polar to Attio sync.",
            types=(self.type,),
            policy=self.policy,
            source=f"The customer's `{self.source}`.",
            value=self._said,
            options=self.options,
            declared_in=SETTING,
        )

    @property
    def _described(self) -> str:
        if self.source.startswith(METADATA):
            return f"the customer's metadata {self.source.removeprefix(METADATA)} in Polar"
        return f"the customer's {self.source} in Polar"

    def _said(self, customer: Customer) -> Said:
        for source, said in customer.mapped:
            if source == self.source:
                if isinstance(said, str) and not said.strip():
                    return None
                found = convert(said, self.type)
                return Unfit(f"Polar's {source} {found.why}") if isinstance(found, Unfit) else found
        return None


def sources(mapped: Iterable[Mapped]) -> tuple[str, ...]:
    """Return where the values of attributes are from, each once: nothing else of a customer has to be kept for them."""
    return tuple(dict.fromkeys(one.source for one in mapped))
