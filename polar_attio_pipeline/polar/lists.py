"""Asks Polar for lists, whatever of."""

from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.models import Listing
from polar_attio_pipeline.polar.paths import LIMITER

Shape = TypeVar("Shape", bound=BaseModel)


async def fetch_list(api: ApiClient, path: str, params: Params, retry: RetryPolicy | None = None) -> Listing:
    """Return one page of a list.

    Raises:
        TransientError: the answer is no list, or Polar is down.
        ApiError: Polar could not be asked.
    """
    answer = await api.request("GET", path, limiter=LIMITER, params=params, retry=retry)
    try:
        return Listing.model_validate(answer.payload)
    except ValidationError:
        # The cause would quote the answer, which holds personal data.
        raise TransientError(
            f"Polar's answer is not a list (GET {path}): check POLAR_API_URL, or run this again later.",
            service="Polar",
            request=f"GET {path}",
            status=httpx.codes.OK,
        ) from None


def parsed(model: type[Shape], item: object) -> Shape | None:
    """Return an item of a list; None for one of an unknown shape."""
    try:
        return model.model_validate(item)
    except ValidationError:
        return None
