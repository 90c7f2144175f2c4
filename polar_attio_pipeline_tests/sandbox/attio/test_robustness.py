"""Whatever JSON comes in, the answer is Attio's, never a crash."""

import json
import math
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from polar_attio_pipeline.sandbox.attio.limits import AttioLimits
from polar_attio_pipeline.sandbox.attio.routes import routes
from polar_attio_pipeline.sandbox.attio.schema import TYPES
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN

KINDS = [kind for kind in TYPES if kind not in ("status", "interaction")]
_WORDS = """
value option target_object companies target_record_id domains original_phone_number +49301
country_code email_address a@b.com $eq $in $not $or $and name my_date 2026-01-01 direction asc
attribute field path people first_name last_name full_name currency
"""
WORDS = st.sampled_from(_WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def clock() -> datetime:
    return datetime(2026, 11, 3, tzinfo=UTC)


@cache
def transport() -> httpx.ASGITransport:
    """Return one workspace for all examples: building one for each would take most of the time."""
    world = AttioWorld(clock, seed=1)
    for kind in KINDS:
        world.add_attribute(f"my_{kind}", kind)
    return httpx.ASGITransport(Starlette(routes=routes(world, AttioLimits(clock, math.inf))))


async def post(path: str, body: Any) -> int:
    headers = {"Authorization": f"Bearer {ATTIO_TOKEN}"}
    async with httpx.AsyncClient(transport=transport(), base_url="https://api.attio.com", headers=headers) as http:
        return (await http.post(f"/v2/objects/people{path}", content=json.dumps(body))).status_code


@settings(max_examples=80)
@given(kind=st.sampled_from(KINDS), raw=JSON)
async def test_any_value(kind: str, raw: Any) -> None:
    assert await post("/records", {"data": {"values": {f"my_{kind}": raw}}}) in (200, 400)


@settings(max_examples=80)
@given(raw=JSON)
async def test_any_filter(raw: Any) -> None:
    assert await post("/records/query", {"filter": raw, "limit": 3}) in (200, 400)


@settings(max_examples=80)
@given(
    raw=st.lists(
        st.fixed_dictionaries({"direction": st.just("asc")}, optional={"attribute": JSON, "path": JSON, "field": JSON})
    )
)
async def test_any_sort(raw: Any) -> None:
    assert await post("/records/query", {"sorts": raw, "limit": 3}) in (200, 400, 404)


@settings(max_examples=40)
@given(raw=JSON, config=JSON, kind=st.sampled_from(TYPES))
async def test_any_definition(raw: Any, config: Any, kind: str) -> None:
    flags = {"is_required": False, "is_unique": False, "is_multiselect": False}
    data = {"title": "T", "description": None, "api_slug": raw, "type": kind, **flags, "config": config}

    assert await post("/attributes", {"data": data}) in (200, 400, 404, 409)
