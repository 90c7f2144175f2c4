"""Controls over the tokens of both services: revoke, restore, change scopes."""

from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox


class TokenGiven(BaseModel):
    """What to change about a service's public token. What is not given stays."""

    service: Literal["polar", "attio"]
    revoked: bool | None = None
    scopes: frozenset[str] | None = None


class TokenControls:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def list_tokens(self, _: Request) -> Response:
        """Show both services' tokens: they are public."""
        return JSONResponse(self._shown())

    async def change_token(self, request: Request) -> Response:
        """Revoke, restore or re-scope a token."""
        try:
            given = TokenGiven.model_validate_json(await request.body())
        except ValidationError as wrong:
            raise HTTPException(422, str(wrong)) from None
        polar, attio = self._sandbox.polar.tokens[POLAR_TOKEN], self._sandbox.attio.tokens[ATTIO_TOKEN]
        token = polar if given.service == "polar" else attio
        if given.revoked is not None:
            token.active = not given.revoked
        if given.scopes is not None:
            token.scopes = given.scopes
        return JSONResponse(self._shown())

    def _shown(self) -> dict[str, Any]:
        polar, attio = self._sandbox.polar.tokens[POLAR_TOKEN], self._sandbox.attio.tokens[ATTIO_TOKEN]
        return {
            service: {"token": token, "revoked": not held.active, "scopes": sorted(held.scopes)}
            for service, token, held in (("polar", POLAR_TOKEN, polar), ("attio", ATTIO_TOKEN, attio))
        }
