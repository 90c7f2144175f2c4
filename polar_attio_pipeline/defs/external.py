"""The two services in the graph of assets: what the pipeline reads from and what it keeps, beside what it makes."""

import dagster as dg

from polar_attio_pipeline.defs.names import Names

CUSTOMERS_IN_POLAR = "customers_in_polar"
PEOPLE_IN_ATTIO = "people_in_attio"


def external_assets(names: Names) -> list[dg.AssetSpec]:
    """Return Polar's customers, which nothing here makes, and Attio's people, which three assets keep."""
    return [
        dg.AssetSpec(
            names.asset(CUSTOMERS_IN_POLAR),
            kinds={"polar"},
            description="The customers of the organization, as Polar has them. Nothing here changes them. Look at its "
            "check when no new customer arrives in Attio: it says whether Polar answers and takes the token.",
            metadata={"dashboard": dg.UrlMetadataValue("https://polar.sh/dashboard")},
        ),
        dg.AssetSpec(
            names.asset(PEOPLE_IN_ATTIO),
            deps=[names.people.asset, names.changed.asset, names.reconciliation.asset],
            kinds={"attio"},
            description="The people of the workspace who are customers in Polar. The hourly pass (attio_people) brings "
            "new customers, changed_customers what changes, customer_reconciliation repairs whatever differs. Each run "
            "reports here how many customers are in Attio and how many are not: the plots show it over time. Look at "
            "its check when values in Attio "
            "get old: it says whether Attio takes the key and has the attributes.",
            metadata={"attio": dg.UrlMetadataValue("https://app.attio.com")},
        ),
    ]
