"""Breaking connections: on the real server at the socket, in process as httpx would have reported it."""

import asyncio
import socket
import struct
from dataclasses import dataclass, replace
from urllib.parse import unquote_plus

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "sandbox.transport"
"""The ASGI extension under which the real server shows the connection of a request."""


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """Return the connection that the request came over; None when it came over none."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    return transport


async def read_body(receive: Receive) -> tuple[bytes, Receive]:
    """Read a request to its end; return its body, and a `receive` from which it can be read again."""
    body = bytearray()
    message: Message = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        body.extend(message.get("body", b""))
    is_whole = message["type"] == "http.request"
    unread = [{"type": "http.request", "body": bytes(body), "more_body": False} if is_whole else message]

    async def receive_again() -> Message:
        return unread.pop() if unread else await receive()

    return bytes(body), receive_again


def text_of(scope: Scope, body: bytes) -> str:
    """Return a request's path, query string (decoded) and body, a line each."""
    query: bytes = scope["query_string"]
    return "\n".join((scope["path"], unquote_plus(query.decode("latin-1")), body.decode(errors="replace")))


async def reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection: the client gets an RST, whatever was on its way.

    Raises:
        httpx.ReadError: there is no connection to reset.
    """
    transport = transport_of(scope)
    if transport is None:
        raise httpx.ReadError("connection reset by the sandbox")
    no_linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    transport.abort()
    await _gone(receive)


async def hang(scope: Scope, receive: Receive) -> None:
    """Say nothing until the client gives up.

    Raises:
        httpx.ReadTimeout: there is no connection, so no client would ever give up.
    """
    if transport_of(scope) is None:
        raise httpx.ReadTimeout("the sandbox does not answer")
    await _gone(receive)


@dataclass(frozen=True)
class Answer:
    """An answer that was made, and not sent yet."""

    start: Message
    body: bytes

    @property
    def has_length(self) -> bool:
        """Whether its start announces how long the body is; else it is sent in chunks."""
        return any(name.lower() == b"content-length" for name, _ in self.start["headers"])

    def announcing(self, length: int) -> Message:
        """Return the start of the answer, announcing this many bytes if it announces any."""
        if not self.has_length:
            return self.start
        others = [(name, value) for name, value in self.start["headers"] if name.lower() != b"content-length"]
        return {**self.start, "headers": [*others, (b"content-length", str(length).encode())]}


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Have the request answered, and keep the answer back."""
    start: Message = {}
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return Answer(start, bytes(body))


async def send_whole(answer: Answer, send: Send) -> None:
    """Send an answer, however long its body is by now."""
    await send(answer.announcing(len(answer.body)))
    await send({"type": "http.response.body", "body": answer.body})


def first_half(answer: Answer) -> Answer:
    """Return the first half of an answer as if it were whole, of several lines up to the end of one."""
    half = answer.body[: len(answer.body) // 2]
    last_line_end = half.rfind(b"\r\n")
    return replace(answer, body=half if last_line_end < 0 else half[: last_line_end + 2])


async def send_half(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Announce the whole answer, send the first half of it, and close the connection.

    Raises:
        httpx.RemoteProtocolError: there is no connection to close.
    """
    sent = answer.body[: len(answer.body) // 2]
    announced = len(answer.body) or 1
    await send(answer.announcing(announced))
    await send({"type": "http.response.body", "body": sent, "more_body": True})
    transport = transport_of(scope)
    if transport is None:
        missing = (
            f"received {len(sent)} bytes, expected {announced}" if answer.has_length else "incomplete chunked read"
        )
        raise httpx.RemoteProtocolError(f"peer closed connection without sending complete message body ({missing})")
    transport.close()
    await _gone(receive)


async def send_slowly(answer: Answer, send: Send, *, slices: int, pause: float) -> None:
    """Send the body in slices, with a pause of so many seconds before each."""
    await send(answer.start)
    size = max(1, -(-len(answer.body) // slices))
    for begin in range(0, len(answer.body), size):
        await asyncio.sleep(pause)
        await send({"type": "http.response.body", "body": answer.body[begin : begin + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
