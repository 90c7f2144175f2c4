"""Tells each channel what it does not know yet; which notices are due is in `notices`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from polar_attio_pipeline.channels import Notice, deliver, fingerprint
from polar_attio_pipeline.defs.sensors.notices import State, notices, remember

CHANNEL_SECONDS = 10
"""So long a tick waits for all channels together; apprise itself gives most of them up after 8."""


def announce(
    pipeline: str, urls: Sequence[str], states: Sequence[State], announced: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, dict[str, str]], str]:
    """Send what is due to each channel; return what was announced on each, and what to say of it in the UI.

    Args:
        pipeline: Which pipeline it is about, where there are several; empty where there is one.
        urls: The channels.
        states: As they are now, without those that could not be judged.
        announced: What was announced until now: for each channel, by `channels.fingerprint`, the problems by state.
    """
    known = {url: announced.get(fingerprint(url), {}) for url in urls}
    due = [(url, _of(pipeline, batch)) for url in urls if (batch := notices(known[url], states))]
    deliveries = deliver(due, seconds=CHANNEL_SECONDS)
    taken = {url: delivery.taken for (url, _), delivery in zip(due, deliveries, strict=True)}
    known_now = {fingerprint(url): remember(known[url], taken.get(url, ())) for url in urls}
    titles = sorted({notice.title for batch in taken.values() for notice in batch})
    refused = sum(len(taken[url]) < len(batch) for url, batch in due)
    said = [
        *([f"{refused} of {len(urls)} channels did not take a notice and will get it later."] if refused else []),
        *([f"Sent: {', '.join(titles)}."] if titles else []),
    ]
    return known_now, " ".join(said) or "There is nothing to announce."


def _of(pipeline: str, batch: Sequence[Notice]) -> list[Notice]:
    return [replace(notice, pipeline=pipeline) for notice in batch]
