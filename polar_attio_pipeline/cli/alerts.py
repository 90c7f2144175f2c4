"""`polar-attio alerts`."""

import typer
from rich.console import Console

from polar_attio_pipeline.channels import Delivery, Kind, Notice, deliver
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.settings import Settings

alerts = typer.Typer(help="The channels of POLAR_ATTIO_ALERT_URLS.", no_args_is_help=True)

_TEST = Notice("test", "This is a test of the alerts of polar-attio-pipeline. Nothing is wrong.", Kind.TEST)

_CHANNEL_SECONDS = 30
"""So long a test of the alerts waits for all channels together."""


@alerts.command(name="test")
def test_alerts() -> None:
    """Send a test notice to each channel and say which have taken it; addresses are not shown."""
    with explained_errors():
        urls = Settings().alert_urls()
    if not urls:
        fail("No channel is set: write its address into POLAR_ATTIO_ALERT_URLS, as https://appriseit.com shows.")
    deliveries = deliver([(url, [_TEST]) for url in urls], seconds=_CHANNEL_SECONDS)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for number, (url, delivery) in enumerate(zip(urls, deliveries, strict=True), start=1):
        # Of an address that apprise does not know, anything may be a password, or a part of one.
        kind = f" ({url.partition('://')[0]})" if delivery.known else ""
        console.print(f"{number}{kind}: {_became(delivery)}")
    if not all(delivery.taken for delivery in deliveries):
        raise typer.Exit(1)


def _became(delivery: Delivery) -> str:
    if delivery.taken:
        return "taken"
    if delivery.known:
        return "not taken: look at the channel's address, and whether this machine reaches it"
    return "apprise does not know such an address: see https://appriseit.com for how yours is written"
