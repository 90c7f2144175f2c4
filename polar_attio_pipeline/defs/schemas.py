"""The columns of the assets, as Dagster's catalogue shows them."""

from collections.abc import Iterable

import dagster as dg

from polar_attio_pipeline.sync.mapping import Attribute
from polar_attio_pipeline.sync.records import Customer

_POLAR_COLUMNS = (
    ("id", "text", "Polar's id."),
    ("created_at", "timestamp", "When the customer was created in Polar, UTC: decides its hour."),
    ("email", "text", "The address."),
    ("name", "text", "The name of the person or the team."),
    ("type", "text", "individual or team; empty where Polar's export was read, which does not say it."),
    ("organization_id", "text", "The organization of the customer."),
    ("external_id", "text", "Your own id of the customer."),
    ("country", "text", "Of the billing address, two letters."),
    ("url", "text", "The customer's page in Polar's dashboard."),
    ("read_at", "timestamp", "When Polar was read, UTC."),
    ("mapped", "json", "What Polar says for the attributes of POLAR_ATTIO_ATTRIBUTES, by where it is from."),
    ("problem", "text", "Why the row cannot be read, where it cannot; then most other columns are empty."),
)

POLAR_CUSTOMERS = dg.TableSchema([dg.TableColumn(name, kind, description=text) for name, kind, text in _POLAR_COLUMNS])
"""Of `polar_customers`, a table of the ledger."""


def attio_people(attributes: Iterable[Attribute[Customer]]) -> dg.TableSchema:
    """Return the columns of `attio_people`: the attributes of Attio's People that the sync writes, by their keys."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                attribute.key,
                attribute.types[0].value,
                description=f"{attribute.description} Written {attribute.policy.value}.",
                constraints=dg.TableColumnConstraints(nullable=not attribute.required),
            )
            for attribute in attributes
        ]
    )
