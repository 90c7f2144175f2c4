"""The channels of alerts."""

from collections.abc import Sequence

from polar_attio_pipeline.channels import is_channel
from polar_attio_pipeline.cli.checks.finding import Finding, Level


def channels(urls: Sequence[str]) -> Finding:
    """Judge the addresses that alerts go to; none of them is shown, since they hold passwords."""
    if not urls:
        return Finding("alerts", Level.OK, "No alert is sent: POLAR_ATTIO_ALERT_URLS is not set.")
    wrong = [number for number, url in enumerate(urls, start=1) if not is_channel(url)]
    if wrong:
        return Finding(
            "alerts",
            Level.FAIL,
            f"Address {', '.join(map(str, wrong))} of POLAR_ATTIO_ALERT_URLS is none that apprise knows: see "
            "https://appriseit.com for how yours is written.",
        )
    return Finding("alerts", Level.OK, f"They go to {len(urls)} {'channel' if len(urls) == 1 else 'channels'}.")
