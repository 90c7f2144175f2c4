"""One notice when a state turns bad, one when it is good again; sent to a real receiver on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from polar_attio_pipeline.alerts import Notice, State, dump, is_channel, load, notices, remember, send

WELL = State("customer_sync", None)
ILL = State("customer_sync", "The newest run failed.")


def test_a_state_that_turns_bad_is_told_once() -> None:
    assert notices({}, [ILL]) == [Notice("Polar to Attio: customer_sync", "The newest run failed.", good=False)]
    assert notices(remember([ILL]), [ILL]) == []


def test_a_state_that_is_good_again_is_told_once() -> None:
    (over,) = notices(remember([ILL]), [WELL])
    assert over.good
    assert over.title == "Polar to Attio: customer_sync is well again"
    assert notices(remember([WELL]), [WELL]) == []


def test_what_was_always_well_is_not_told() -> None:
    assert notices({}, [WELL]) == []


def test_another_problem_of_a_state_that_is_bad_already_is_not_told_again() -> None:
    assert notices(remember([ILL]), [State("customer_sync", "Another run failed.")]) == []


def test_states_are_told_of_independently() -> None:
    late = State("overdue hours", "3 hours are missing.")
    assert [notice.title for notice in notices(remember([ILL]), [ILL, late])] == ["Polar to Attio: overdue hours"]


def test_what_people_were_told_survives_being_stored() -> None:
    assert load(dump(remember([ILL]))) == {"customer_sync": "The newest run failed."}


@pytest.mark.parametrize("cursor", [None, "", "garbage", "[1, 2]", "3"])
def test_a_lost_cursor_tells_again_rather_than_never(cursor: str | None) -> None:
    assert notices(load(cursor), [ILL]) != []


@dataclass
class Receiver:
    """A channel on this machine that keeps what it is sent."""

    status: int = 200
    received: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    channel = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            channel.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(channel.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        channel.url = f"json://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield channel
        server.shutdown()
        thread.join()


def test_a_notice_reaches_the_channel(receiver: Receiver) -> None:
    assert send(notices({}, [ILL]), [receiver.url])
    (message,) = receiver.received
    assert message["title"] == "Polar to Attio: customer_sync"
    assert message["message"] == "The newest run failed."
    assert message["type"] == "failure"


def test_a_channel_that_takes_nothing_is_noticed_so_that_it_can_be_tried_again(receiver: Receiver) -> None:
    receiver.status = 500
    assert not send(notices({}, [ILL]), [receiver.url])


def test_an_address_that_apprise_does_not_know_is_noticed() -> None:
    assert not send(notices({}, [ILL]), ["nonsense"])


@pytest.mark.parametrize(
    ("url", "known"), [("json://127.0.0.1/", True), ("mailto://me:secret@example.com", True), ("nonsense", False)]
)
def test_an_address_can_be_judged_before_it_is_needed(url: str, known: bool) -> None:
    assert is_channel(url) is known
