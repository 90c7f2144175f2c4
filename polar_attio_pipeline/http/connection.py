"""Opens the connection pool of one service, once its token and its address are found to be such."""

import functools
import ssl
from collections.abc import Callable, Mapping

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.http.errors import ApiError, FatalError, explain_failure
from polar_attio_pipeline.setting_values import api_address
from polar_attio_pipeline.version import __version__

USER_AGENT = f"polar-attio-pipeline/{__version__}"
"""So that who runs a service can tell these requests from others."""

_UNSENT = "no request sent"

_TOKENS = {"Polar": "POLAR_ACCESS_TOKEN", "Attio": "ATTIO_API_KEY"}
"""The settings that hold the tokens, by the name of the service."""


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return the certificates to trust, read once a process: it takes as long as a request, and ticks are many."""
    return httpx.create_ssl_context()


def open_pool(  # noqa: PLR0913  # keyword-only
    *,
    service: str,
    base_url: str,
    token: SecretStr,
    explain: Callable[[httpx.Response], ApiError],
    headers: Mapping[str, str],
    timeout: httpx.Timeout,
    transport: httpx.AsyncBaseTransport | None,
) -> httpx.AsyncClient:
    """Return a pool whose requests carry the token; the arguments are those of `client.ApiClient`.

    Raises:
        FatalError: there is no token, or it cannot be one, or the address no address.
    """
    credential = token.get_secret_value().strip()
    if not credential:
        raise FatalError(
            f"{_TOKENS.get(service, 'The token')} for {service} is not set ({_UNSENT}): write it into .env or the "
            "environment, or, with a component, into the variable that its defs.yaml names.",
            service=service,
            request=_UNSENT,
            status=401,
        )
    if not credential.isascii() or not credential.isprintable():
        # No header can carry it; the service would answer the same to anything else that is no token.
        raise explain(httpx.Response(401, request=httpx.Request("GET", "https://unsent/")))
    return httpx.AsyncClient(
        base_url=_checked_url(base_url if transport else _safe(base_url, service), service),
        headers={
            "Accept": "application/json",
            "Authorization": f"Bearer {credential}",
            "User-Agent": USER_AGENT,
            **headers,
        },
        timeout=timeout,
        transport=transport,
        verify=_trust(),
        follow_redirects=False,
    )


def _safe(base_url: str, service: str) -> str:
    """Return an address that the token may travel to; the settings check theirs, resources take any.

    Raises:
        FatalError: it may not.
    """
    try:
        return api_address(base_url)
    except ValueError as why:
        sentence = f"{service.upper()}_API_URL is no usable address ({_UNSENT}): {why}."
        raise FatalError(sentence, service=service, request=_UNSENT) from None


def _checked_url(base_url: str, service: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as cause:
        raise explain_failure(cause, service=service, request=_UNSENT) from cause
    if url.scheme not in ("http", "https") or not url.host:
        nowhere = httpx.UnsupportedProtocol("no scheme or no host")
        raise explain_failure(nowhere, service=service, request=_UNSENT)
    return url
