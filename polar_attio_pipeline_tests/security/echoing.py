"""A server that repeats the token of each request in its answer, as a debugging proxy or a service in trouble does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus

Echo = Callable[["Answering", str], None]


class Answering(BaseHTTPRequestHandler):
    """One request, to be answered."""

    def answer(self, status: int, body: str = "", *, kind: str = "application/json", **headers: str) -> None:
        """Send an answer; of the names of headers, _ stands for -."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def raw(self, answer: str) -> None:
        """Send bytes, and hang up."""
        self.wfile.write(answer.encode())
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def in_words(request: Answering, token: str) -> None:
    said = {"code": token, "error": token, "message": f"The key {token} is bad", "detail": token, "active": False}
    request.answer(401, json.dumps(said))


def in_a_refusal(request: Answering, token: str) -> None:
    wrong = {"path": ["data", "values", token], "message": f"not {token!r}", "code": token}
    said = {"code": token, "message": f'attribute with slug "{token}"', "validation_errors": [wrong]}
    request.answer(400, json.dumps(said))


def in_headers(request: Answering, token: str) -> None:
    request.answer(500, x_attio_execution_id=token, Retry_After=token, Server=token, X_Url=quote(token))


def in_a_scope(request: Answering, token: str) -> None:
    request.answer(403, '{"error": "insufficient_scope"}', WWW_Authenticate=f'Bearer scope="{token}"')


def in_a_redirect(request: Answering, token: str) -> None:
    request.answer(307, Location=f"http://127.0.0.1:9/?key={quote_plus(token)}")


def in_the_status_line(request: Answering, token: str) -> None:
    request.raw(f"HTTP/9.9 200 {token}\r\n\r\n")


def in_a_broken_header(request: Answering, token: str) -> None:
    request.raw(f"HTTP/1.1 200 OK\r\n{token}\r\n\r\n")


def in_a_success(request: Answering, token: str) -> None:
    said = {"headers": {"Authorization": f"Bearer {token}"}, "data": token, "items": [token], "pagination": token}
    request.answer(200, json.dumps(said))


def in_a_page(request: Answering, token: str) -> None:
    request.answer(200, f"<h1>{token}</h1>", kind="text/html")


def in_broken_json(request: Answering, token: str) -> None:
    request.answer(200, f'{{"key": "{token}')


def in_a_wait(request: Answering, token: str) -> None:
    request.answer(429, json.dumps({"code": token}), Retry_After="0", X_Key=token)


ECHOES: tuple[Echo, ...] = (
    in_words,
    in_a_refusal,
    in_headers,
    in_a_scope,
    in_a_redirect,
    in_the_status_line,
    in_a_broken_header,
    in_a_success,
    in_a_page,
    in_broken_json,
    in_a_wait,
)


@dataclass
class Server:
    """Where it is, and the Authorization headers that it was sent."""

    url: str
    heard: list[str] = field(default_factory=list)


@contextmanager
def echoing(echo: Echo) -> Iterator[Server]:
    """Serve on this machine; each request is answered by the echo."""

    class Handler(Answering):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            server.heard.append(given)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            echo(self, given.partition(" ")[2])

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  # the names that the library calls

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server = Server(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        listening.shutdown()
        thread.join()
