"""Controls over Polar's events: how late they come, and which never do."""

from datetime import timedelta

from pydantic import BaseModel, Field, NonNegativeFloat, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar.events import EventRules
from polar_attio_pipeline.sandbox.world import Sandbox


class EventsGiven(BaseModel):
    """How events come about from now on; what is not given is as on a fresh sandbox. See `EventRules`."""

    worker_delay_seconds: NonNegativeFloat = 0
    store_delay_seconds: NonNegativeFloat = 0
    jitter_seconds: NonNegativeFloat = 0
    lost: float = Field(default=0, ge=0, le=1)
    rowless: float = Field(default=0, ge=0, le=1)
    is_down: bool = False


class EventControls:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._events = sandbox.polar.events

    async def change_rules(self, request: Request) -> Response:
        """Say how late events are, and how many are missing."""
        try:
            given = EventsGiven.model_validate_json(await request.body() or b"{}")
        except ValidationError as wrong:
            raise HTTPException(422, str(wrong)) from None
        self._events.rules = EventRules(
            worker_delay=timedelta(seconds=given.worker_delay_seconds),
            store_delay=timedelta(seconds=given.store_delay_seconds),
            jitter=timedelta(seconds=given.jitter_seconds),
            lost=given.lost,
            rowless=given.rowless,
            is_down=given.is_down,
        )
        return Json(given.model_dump())
