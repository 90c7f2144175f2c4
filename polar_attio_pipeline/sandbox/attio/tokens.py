"""Access tokens and their scopes."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import forbidden, unauthorized

DEFAULT_SCOPES = frozenset({"object_configuration:read-write", "record_permission:read-write"})
_LENGTH = 64


@dataclass(slots=True)
class Token:
    """An API key.

    Attributes:
        scopes: As granted; `x:read-write` includes `x:read`.
        active: False once revoked.
        level: `workspace` or `user`.
        client_id: Identifies the key; it is the actor id of what it writes.
        issued_at: Seconds since 1970.
    """

    client_id: str
    issued_at: int
    scopes: frozenset[str] = DEFAULT_SCOPES
    active: bool = True
    level: str = "workspace"

    def allows(self, scope: str) -> bool:
        """Tell whether the token has a scope, by name or through read-write."""
        return scope in self.scopes or f"{scope.partition(':')[0]}:read-write" in self.scopes

    def listed_scopes(self) -> str:
        """Return the scopes as `GET /v2/self` lists them: where there is read-write, read is not named."""
        wide = {scope.partition(":")[0] for scope in self.scopes if scope.endswith(":read-write")}
        return " ".join(
            sorted(
                scope for scope in self.scopes if scope.endswith(":read-write") or scope.partition(":")[0] not in wide
            )
        )


def token_of(header: str | None) -> str:
    """Return the token of an Authorization header, Bearer or Basic.

    Raises:
        AttioError: there is none, or it cannot be one; 401.
    """
    if not header:
        raise unauthorized(
            "The Authorization header was not provided. Please provide an access token, like this: "
            '"Authorization: Bearer <token>".'
        )
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "basic":
        credentials = _user(credentials)
    if len(credentials) != _LENGTH:
        raise unauthorized(
            "The API Key provided was invalid because it was the wrong length (API Keys should be 64 characters "
            "long). You might not have copied the entire API key from your Admin panel?"
        )
    return credentials


def authenticate(tokens: Mapping[str, Token], header: str | None, scopes: tuple[str, ...]) -> Token:
    """Return the token of a request.

    Raises:
        AttioError: it is missing, malformed, unknown or revoked (401), or lacks a scope (403, with the same code).
    """
    token = tokens.get(token_of(header))
    if token is None or not token.active:
        raise unauthorized("The API Key provided was invalid. It may have been revoked.")
    missing = [scope for scope in scopes if not token.allows(scope)]
    if missing:
        raise forbidden(
            f"You do not have the necessary permissions to perform this request. Missing scopes: {', '.join(missing)}."
        )
    return token


def identify(tokens: Mapping[str, Token], header: str | None, workspace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `GET /v2/self` says; of an unknown or revoked token only that it is not active.

    Raises:
        AttioError: there is no token, or it cannot be one; 401.
    """
    token = tokens.get(token_of(header))
    if token is None or not token.active:
        return {"active": False}
    return {
        "active": True,
        "scope": token.listed_scopes(),
        "client_id": token.client_id,
        "token_type": "Bearer",
        "exp": None,
        "iat": token.issued_at,
        "sub": workspace["workspace_id"],
        "aud": token.client_id,
        "iss": "attio.com",
        "token_level": token.level,
        **workspace,
    }


def _user(credentials: str) -> str:
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[0]
    except (Base64Error, UnicodeDecodeError):
        return ""
