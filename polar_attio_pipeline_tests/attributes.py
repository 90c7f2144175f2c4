"""The attributes that tests have expectations of their own about.

A workspace with these alone is for tests that say what every attribute must hold: one that is added to the mapping
changes nothing for them until they are taught about it here. All other tests have a workspace with every attribute.
"""

from collections.abc import Iterable
from typing import Any

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY
from polar_attio_pipeline.sync.mapping import Attribute, Target

KNOWN = tuple(
    BY_KEY[key]
    for key in (
        "polar_customer",
        "polar_customer_id",
        "name",
        "polar_customer_url",
        "polar_customer_since",
        "polar_external_id",
        "polar_customer_type",
        "polar_country",
    )
)

TARGETS = tuple(Target(attribute, attribute.types[0]) for attribute in KNOWN)
"""A workspace that has them, each in the type that `setup` creates."""


def add_attributes(
    attio: AttioWorld, attributes: Iterable[Attribute[Any]] = ATTRIBUTES, *, object_slug: str = "people"
) -> None:
    """Give a workspace the attributes with their options, as `polar-attio setup` does."""
    for attribute in attributes:
        if not attribute.standard:
            attio.add_attribute(
                attribute.key,
                attribute.types[0],
                title=attribute.title,
                options=attribute.options,
                object_slug=object_slug,
            )
