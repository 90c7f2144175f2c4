"""Notices to real receivers on this machine; addresses, which hold passwords, are shown nowhere."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polar_attio_pipeline import channels
from polar_attio_pipeline.channels import Kind, Notice, deliver, fingerprint, is_channel
from polar_attio_pipeline_tests.receiver import Receiver, receiving

FAILED = Notice("failing hours", "One hour has failed.")
PATIENT = 60
SECRET = "s3cr3t-in-the-address"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as channel:
        yield channel


@pytest.fixture
def silent() -> Iterator[str]:
    """A channel that accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"json://127.0.0.1:{server.getsockname()[1]}/?rto=60&cto=60"


@pytest.mark.parametrize("kind", Kind)
def test_a_notice_reaches_the_channel(receiver: Receiver, kind: Kind) -> None:
    notice = Notice("failing hours", "One hour has failed.", kind)

    (delivery,) = deliver([(receiver.url, [notice])], seconds=PATIENT)

    assert list(delivery.taken) == [notice]
    (message,) = receiver.received
    assert message["title"] == notice.title
    assert message["message"] == "One hour has failed."
    assert message["type"] == kind.value


def test_each_channel_gets_its_own_notices_in_order(receiver: Receiver) -> None:
    with receiving() as other:
        late = Notice("overdue hours", "Two hours are overdue.")

        first, second = deliver([(receiver.url, [FAILED, late]), (other.url, [late])], seconds=PATIENT)

        assert list(first.taken) == [FAILED, late]
        assert list(second.taken) == [late]
        assert [message["title"] for message in receiver.received] == [FAILED.title, late.title]
        assert [message["title"] for message in other.received] == [late.title]


def test_a_channel_that_takes_nothing_is_noticed_so_that_it_can_be_tried_again(receiver: Receiver) -> None:
    receiver.status = 500

    (delivery,) = deliver([(receiver.url, [FAILED])], seconds=PATIENT)

    assert delivery.known
    assert delivery.taken == []


def test_a_channel_that_never_answers_is_given_up_in_time_and_harms_no_other(receiver: Receiver, silent: str) -> None:
    began = time.monotonic()

    quick, slow = deliver([(receiver.url, [FAILED]), (silent, [FAILED])], seconds=8)

    assert time.monotonic() - began < 20
    assert slow.taken == []
    assert list(quick.taken) == [FAILED]


@pytest.mark.parametrize(
    ("url", "known"), [("json://127.0.0.1/", True), ("mailto://me:secret@example.com", True), ("nonsense", False)]
)
def test_an_address_can_be_judged_before_it_is_needed(url: str, known: bool) -> None:
    assert is_channel(url) is known


def test_a_fingerprint_tells_channels_apart_and_gives_nothing_away() -> None:
    assert fingerprint("mailto://me:secret@example.com") != fingerprint("mailto://me:other@example.com")
    assert "secret" not in fingerprint("mailto://me:secret@example.com")


@pytest.mark.parametrize("place", ["127.0.0.1:{port}/{secret}", "me:{secret}@127.0.0.1:{port}", "{secret}"])
@pytest.mark.parametrize("scheme", ["json", "nonsense", "mailto", "slack"])
def test_no_logger_and_no_output_shows_an_address_at_any_level(
    receiver: Receiver,
    place: str,
    scheme: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    url = f"{scheme}://" + place.format(port=receiver.url.rpartition(":")[2].rstrip("/"), secret=SECRET)

    deliver([(url, [FAILED])], seconds=PATIENT)

    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="shows how Linux shows processes")
def test_an_address_stands_neither_in_the_arguments_of_its_process_nor_in_its_environment(silent: str) -> None:
    sender = channels._start(f"{silent}&{SECRET}", [FAILED])
    try:
        process = Path(f"/proc/{sender.pid}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert SECRET.encode() not in shown
    finally:
        sender.kill()
        sender.communicate()
