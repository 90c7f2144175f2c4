"""Where people are told: any channel that apprise can reach."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about a state that has changed.

    Attributes:
        state: Name of the state.
        text: What is wrong, or what is over.
        good: Whether it is well again.
    """

    state: str
    text: str
    good: bool

    @property
    def title(self) -> str:
        """What a person reads first."""
        return f"Polar to Attio: {self.state}" + (" is well again" if self.good else "")


def fingerprint(url: str) -> str:
    """Return what tells a channel from others without giving its password away."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def is_channel(url: str) -> bool:
    """Tell whether apprise knows what to do with an address."""
    import apprise  # noqa: PLC0415  # as in `send`

    return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None


def send(notice: Notice, url: str) -> bool:
    """Send a notice to a channel; tell whether it was taken.

    Args:
        notice: What to send.
        url: In apprise's notation, such as "slack://..." or "mailto://...".
    """
    import apprise  # noqa: PLC0415  # half a second that quiet ticks need not pay

    channel = apprise.Apprise()
    channel.add(url)
    kind = apprise.NotifyType.SUCCESS if notice.good else apprise.NotifyType.FAILURE
    return bool(channel.notify(title=notice.title, body=notice.text, notify_type=kind))
