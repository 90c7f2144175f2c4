"""A channel for alerts on this machine, as anybody's webhook is."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Receiver:
    """A channel on this machine that keeps what it is sent."""

    status: int = 200
    received: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a channel that is open."""
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
