"""A service whose certificate cannot be trusted is sent nothing."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline_tests.security.certificates import MISSING, OPENSSL, self_signed
from polar_attio_pipeline_tests.security.odd import leaks, secret

TOKEN = secret("")


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server with a certificate that it made itself, and what it hears."""
    if OPENSSL is None:
        pytest.skip(MISSING)
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_error(401)

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Stay silent of clients that hang up."""

    made = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


async def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_token_is_sent(
    impostor: tuple[str, list[str]],
) -> None:
    url, heard = impostor
    api = polar_api(token=SecretStr(TOKEN), base_url=url, requests_per_minute=1e6, retry=RetryPolicy(attempts=1))

    async with api:
        with pytest.raises(TransientError, match=r"Polar cannot be reached .* check POLAR_API_URL") as failed:
            await api.request("GET", "/v1/customers/", limiter="requests")

    assert heard == []
    assert "CERTIFICATE_VERIFY_FAILED" in str(failed.value.__cause__)
    assert leaks(f"{failed.value} {failed.value.__cause__}", TOKEN) == []
