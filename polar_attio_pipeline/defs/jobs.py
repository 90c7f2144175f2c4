"""The jobs that materialize assets: what each selects, when to launch it, and for how long a run of it may take."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from polar_attio_pipeline.defs.assets.polar_subscriptions import SUBSCRIPTIONS
from polar_attio_pipeline.defs.checks import customers_check
from polar_attio_pipeline.defs.names import Names

SYNC_SECONDS = 2 * 60 * 60
"""Dagster's run monitoring ends a run of customer_sync after this."""

CHANGED_SECONDS = 60 * 60
"""And one of changed_customer_sync after this: until it has ended, no further one is asked for."""

RECONCILIATION_SECONDS = 48 * 60 * 60
"""And one of full_reconciliation after this: Attio takes 20 new people a second, so a first import of 3 million."""


def sync_job(names: Names, tags: Mapping[str, str]) -> Any:
    """Return the job of the hours."""
    return _job(
        names.people.job,
        dg.AssetSelection.assets(names.asset("polar_customers"), names.people.asset),
        "Brings the customers of an hour, or of a range of hours, to Attio. The schedule and the sensor launch it; "
        "launch it by hand, with the hours chosen, to read some of them again. All customers at once are the business "
        "of full_reconciliation.",
        seconds=SYNC_SECONDS,
        tags=tags,
    )


def changed_job(names: Names, tags: Mapping[str, str]) -> Any:
    """Return the job of customers that have changed."""
    return _job(
        names.changed.job,
        dg.AssetSelection.assets(names.changed.asset),
        "Reads some customers anew and brings them to Attio as they are now. The sensor polar_changes launches it; "
        "launch it by hand, with the ids of customers in its config, to have these in Attio at once.",
        seconds=CHANGED_SECONDS,
        tags=tags,
    )


def reconciliation_job(names: Names, tags: Mapping[str, str]) -> Any:
    """Return the job over all customers."""
    assets = names.asset(SUBSCRIPTIONS), names.reconciliation.asset
    return _job(
        names.reconciliation.job,
        dg.AssetSelection.assets(*assets) | dg.AssetSelection.checks(customers_check(names)),
        "Compares all customers with Attio, repairs what differs, and reports people whose customer was deleted in "
        "Polar. Launch it for the first import, after people were edited, merged or imported in Attio, and after a "
        "change of the settings; a schedule launches it as well.",
        seconds=RECONCILIATION_SECONDS,
        tags=tags,
    )


def company_job(names: Names, tags: Mapping[str, str]) -> Any:
    """Return the job of companies."""
    return _job(
        names.companies.job,
        dg.AssetSelection.assets(names.companies.asset),
        "Brings the companies of all customers to Attio and links people to them. A schedule launches it after each "
        "reconciliation; launch it by hand after companies were edited or merged in Attio.",
        seconds=RECONCILIATION_SECONDS,
        tags=tags,
    )


def _job(name: str, selection: dg.AssetSelection, description: str, *, seconds: int, tags: Mapping[str, str]) -> Any:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags=tags,
        run_tags={**tags, dg.MAX_RUNTIME_SECONDS_TAG: str(seconds)},
        # Both assets of an hour share one process: a second one would pay seconds of imports again.
        executor_def=dg.in_process_executor,
    )
