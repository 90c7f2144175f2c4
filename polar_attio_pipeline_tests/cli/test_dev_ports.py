"""Free ports: the wanted one, or the next; and who has the one that is taken."""

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from polar_attio_pipeline.cli import dev_ports
from polar_attio_pipeline.cli.dev_ports import HOST, NoPortError, free_port, holder


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_that_is_free_is_taken_as_it_is_wanted(taken: int) -> None:
    with socket.create_server((HOST, 0)) as listening:
        free = listening.getsockname()[1]

    assert free_port(free) == free


def test_instead_of_a_port_that_is_taken_one_that_follows_is_found(taken: int) -> None:
    assert taken < free_port(taken) < taken + dev_ports.TRIED


def test_the_process_that_has_a_port_is_named(taken: int) -> None:
    assert holder(taken) == f"{psutil.Process().name()} (process {os.getpid()})"


def test_when_no_port_is_free_the_sentence_says_who_has_the_first(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_ports, "TRIED", 1)

    with pytest.raises(NoPortError, match=rf"{taken} is taken by .+ \(process {os.getpid()}\)\.$"):
        free_port(taken)


def test_where_connections_are_not_shown_the_process_stays_unnamed(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)

    assert holder(taken) == "another process"
