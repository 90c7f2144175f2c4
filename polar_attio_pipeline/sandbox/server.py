"""The sandbox as a server on this machine: for a person by one command, for a test in a thread."""

import argparse
import asyncio
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast, get_args

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import parse_scale
from polar_attio_pipeline.sandbox.pipeline_view import PipelineView
from polar_attio_pipeline.sandbox.polar.limits import Environment
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.wire import TRANSPORT
from polar_attio_pipeline.sandbox.world import Sandbox

HOST = "127.0.0.1"


class _Protocol(HttpToolsProtocol):
    """Shows the application the connection of each request, so that faults can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        app = cast(ASGIApp, self.app)

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport

    def shutdown(self) -> None:
        """Cut the connection even in the middle of an answer: a request that hangs would hold the server up."""
        super().shutdown()
        self.transport.abort()


def _server(sandbox: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(sandbox),
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
    )
    return uvicorn.Server(config)


@contextmanager
def serving(sandbox: Sandbox, port: int = 0) -> Iterator[str]:
    """Serve the sandbox from a thread; yield its URL.

    Args:
        sandbox: It may be changed while it is served.
        port: 0 takes a free one.
    """
    listening = _listen(port)
    server = _server(sandbox)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox", daemon=True)
    thread.start()
    try:
        yield _url(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def main(arguments: Sequence[str] | None = None, *, pipeline: PipelineView | None = None) -> None:
    """Serve a filled sandbox until interrupted; the first line of output says where, and with which tokens.

    Args:
        arguments: Of the command line; None: of this process.
        pipeline: What keeps Attio in step with Polar, for the page.
    """
    parser = argparse.ArgumentParser(prog="python -m polar_attio_pipeline.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--customers", type=int, default=300, help="how many customers Polar begins with")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same people")
    parser.add_argument("--limits", type=parse_scale, default="real", help="rate limits: real, off or a factor")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes longer")
    parser.add_argument("--dagster-url", help="where the page links to for Dagster's UI")
    parser.add_argument(
        "--environment", choices=get_args(Environment), default="production", help="which Polar: its limits differ"
    )
    given = parser.parse_args(arguments)
    sandbox = Sandbox(
        seed=given.seed,
        scale=given.limits,
        dagster_url=given.dagster_url,
        pipeline=pipeline,
        environment=given.environment,
    )
    sandbox.fill(customers=given.customers, seed=given.seed)
    if given.latency:
        sandbox.faults.add(Fault(kind=Kind.LATENCY, seconds=given.latency))
    with _listen(given.port) as listening:
        # Links to people lead to the page: at Attio there is no such workspace.
        sandbox.attio.web = _url(listening)
        sys.stdout.write(f"{_url(listening)} POLAR_ACCESS_TOKEN={POLAR_TOKEN} ATTIO_API_KEY={ATTIO_TOKEN}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            _server(sandbox).run(sockets=[listening])


def _listen(port: int) -> socket.socket:
    """Listen as `socket.create_server` does, naming the protocol: without it asyncio leaves Nagle's delay on."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen()
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"
