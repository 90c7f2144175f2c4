"""The guard of the setting that says who is written: without subscriptions it cannot be judged."""

from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.billing import OF_ORDERS, OF_SUBSCRIPTIONS
from polar_attio_pipeline.polar.errors import is_hopeless
from polar_attio_pipeline.sync.audience import Audience

NEEDED = {
    Audience.EVERYBODY: frozenset[str](),
    Audience.EVER_PAID: frozenset({OF_SUBSCRIPTIONS.scope, OF_ORDERS.scope}),
    Audience.PAYS_NOW: frozenset({OF_SUBSCRIPTIONS.scope}),
}
"""What is read to judge who is written. Orders are read where the token may: subscriptions alone tell most of it."""


async def check_audience(context: PassContext) -> None:
    """Check that it can be judged who is written.

    Raises:
        GuardError: the setting asks for payers, and the token may not read subscriptions.
        ApiError: Polar does not accept the token.
    """
    audience = context.rules.audience
    if audience is Audience.EVERYBODY:
        return
    try:
        may_read = await context.polar.billing.may_read(OF_SUBSCRIPTIONS)
    except ApiError as error:
        if is_hopeless(error):
            raise
        return
    if not may_read:
        raise GuardError(
            f"POLAR_ATTIO_WHO is {audience}, but the Polar token lacks the scope {OF_SUBSCRIPTIONS.scope}, so that who "
            "pays is not known. Nothing was written. Give the token the scope, or set POLAR_ATTIO_WHO to everybody."
        )
