"""Each channel hears once what is new to it; one that takes nothing gets it later, and the others nothing twice."""

from collections.abc import Mapping, Sequence

import pytest

from polar_attio_pipeline.channels import Delivery, Kind, Notice, fingerprint
from polar_attio_pipeline.defs.sensors import announcing
from polar_attio_pipeline.defs.sensors.announcing import CHANNEL_SECONDS, announce
from polar_attio_pipeline.defs.sensors.notices import LEDGER, SERVICES, State

CHAT, MAIL = "json://chat.example", "json://mail.example"
LOCKED, WELL = State(LEDGER, "It is locked."), State(LEDGER, None)
DENIED = State(SERVICES, "Polar does not accept the token.")

Known = Mapping[str, Mapping[str, str]]


class Channels:
    """In the place of the processes that send: each takes as many notices as a test says, and all by default."""

    def __init__(self) -> None:
        self.takes: dict[str, int] = {}
        self.sent: list[tuple[str, Sequence[Notice]]] = []

    def __call__(self, batches: Sequence[tuple[str, Sequence[Notice]]], *, seconds: float) -> list[Delivery]:
        assert seconds == CHANNEL_SECONDS
        self.sent = list(batches)
        return [Delivery(known=True, taken=notices[: self.takes.get(url)]) for url, notices in batches]


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Channels:
    channels = Channels()
    monkeypatch.setattr(announcing, "deliver", channels)
    return channels


def test_while_all_is_well_nobody_hears_anything(channels: Channels) -> None:
    announced, said = announce("", [CHAT], [WELL], {})

    assert (announced, said) == ({fingerprint(CHAT): {}}, "There is nothing to announce.")
    assert channels.sent == []


def test_every_channel_hears_of_every_problem_and_of_which_pipeline(channels: Channels) -> None:
    announced, said = announce("acme", [CHAT, MAIL], [LOCKED, DENIED], {})

    both = [
        Notice(LEDGER, "It is locked.", pipeline="acme"),
        Notice(SERVICES, "Polar does not accept the token.", pipeline="acme"),
    ]
    assert channels.sent == [(CHAT, both), (MAIL, both)]
    assert said == "Sent: Polar to Attio (acme): ledger, Polar to Attio (acme): services."
    problems = {LEDGER: "It is locked.", SERVICES: "Polar does not accept the token."}
    assert announced == {fingerprint(CHAT): problems, fingerprint(MAIL): problems}


def test_what_a_channel_knows_it_does_not_hear_again(channels: Channels) -> None:
    known: Known = {fingerprint(CHAT): {LEDGER: "It is locked."}}

    announced, said = announce("", [CHAT, MAIL], [LOCKED], known)

    assert [url for url, _ in channels.sent] == [MAIL]
    assert said == "Sent: Polar to Attio: ledger."
    assert announced == {fingerprint(url): {LEDGER: "It is locked."} for url in (CHAT, MAIL)}


def test_the_end_is_told_to_whom_the_beginning_was_told(channels: Channels) -> None:
    known: Known = {fingerprint(MAIL): {LEDGER: "It is locked."}}

    announced, said = announce("", [CHAT, MAIL], [WELL], known)

    over = Notice(LEDGER, "This is over. It began as: It is locked.", Kind.OVER)
    assert channels.sent == [(MAIL, [over])]
    assert said == "Sent: Polar to Attio: ledger (over)."
    assert announced == {fingerprint(CHAT): {}, fingerprint(MAIL): {}}


def test_a_channel_that_does_not_take_a_notice_gets_it_later(channels: Channels) -> None:
    channels.takes = {MAIL: 1}

    announced, said = announce("", [CHAT, MAIL], [LOCKED, DENIED], {})

    assert said == (
        "1 of 2 channels did not take a notice and will get it later. "
        "Sent: Polar to Attio: ledger, Polar to Attio: services."
    )
    assert announced[fingerprint(MAIL)] == {LEDGER: "It is locked."}

    announce("", [CHAT, MAIL], [LOCKED, DENIED], announced)
    assert channels.sent == [(MAIL, [Notice(SERVICES, "Polar does not accept the token.")])]


def test_where_no_channel_takes_anything_that_is_said_and_nothing_is_remembered(channels: Channels) -> None:
    channels.takes = {CHAT: 0, MAIL: 0}

    announced, said = announce("", [CHAT, MAIL], [LOCKED], {})

    assert said == "2 of 2 channels did not take a notice and will get it later."
    assert announced == {fingerprint(CHAT): {}, fingerprint(MAIL): {}}


def test_a_channel_that_is_no_longer_configured_is_forgotten(channels: Channels) -> None:
    announced, _ = announce("", [CHAT], [LOCKED], {fingerprint(MAIL): {SERVICES: "Denied."}})

    assert set(announced) == {fingerprint(CHAT)}
