"""The two services in the graph of assets: what the pipeline reads from and what it keeps, beside what it makes."""

from collections.abc import Iterable, Sequence

import dagster as dg

GROUP = "polar_to_attio"


def customers_in_polar(key: dg.AssetKey, *, owners: Sequence[str]) -> dg.AssetSpec:
    """Return Polar's customers, which nothing here makes."""
    return dg.AssetSpec(
        key,
        group_name=GROUP,
        owners=owners,
        kinds={"polar"},
        description="The customers of the organization, as Polar has them. Nothing here changes them. Look at its "
        "check when no new customer arrives in Attio: it says whether Polar answers and takes the token.",
        metadata={"dashboard": dg.UrlMetadataValue("https://polar.sh/dashboard")},
    )


def people_in_attio(key: dg.AssetKey, made_by: Iterable[dg.AssetKey], *, owners: Sequence[str]) -> dg.AssetSpec:
    """Return Attio's people, which the hourly pass and the reconciliation keep."""
    return dg.AssetSpec(
        key,
        deps=list(made_by),
        group_name=GROUP,
        owners=owners,
        kinds={"attio"},
        description="The people of the workspace who are customers in Polar. The hourly pass (attio_people) brings new "
        "customers, customer_reconciliation repairs whatever differs. Each run that has written or compared reports "
        "here how many customers are in Attio and how many are not: the plots show it over time. Look at its check "
        "when values in Attio get old: it says whether Attio takes the key and has the attributes.",
        metadata={"attio": dg.UrlMetadataValue("https://app.attio.com")},
    )
