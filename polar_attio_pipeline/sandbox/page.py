"""The page at `/`: both services side by side, and what a person can do in each."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.faults import Fault, Kind, fault_json
from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.page_billing import BillingPage
from polar_attio_pipeline.sandbox.page_given import EditGiven, MergeGiven, PersonGiven, SwitchGiven, typed
from polar_attio_pipeline.sandbox.page_pipeline import PipelinePage, pipeline_state
from polar_attio_pipeline.sandbox.page_state import Look, both_sides, shown_customers, traffic_totals
from polar_attio_pipeline.sandbox.pipeline_view import PipelineError
from polar_attio_pipeline.sandbox.polar.bodies import CustomerUpdate, IndividualCreate
from polar_attio_pipeline.sandbox.polar.changes import CustomerFields
from polar_attio_pipeline.sandbox.polar.sales import ImpossibleError
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sandbox.same_origin import is_of_another_page
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.version import __version__

SWITCHES: dict[str, tuple[str, Fault]] = {
    "polar_down": ("Polar down", Fault(kind=Kind.STATUS, service="polar", status=503)),
    "attio_down": ("Attio down", Fault(kind=Kind.STATUS, service="attio", status=503)),
    "slow": ("Both slow", Fault(kind=Kind.LATENCY, seconds=1, jitter=1)),
    "throttled": ("Both throttled", Fault(kind=Kind.TOO_MANY, probability=0.5, retry_after_seconds=2)),
    "lost": ("Answers lost", Fault(kind=Kind.LOST_ANSWER, probability=0.1)),
}
"""Faults that the page switches on and off, by name, each with what the page calls it."""

_STATIC = Path(__file__).parent / "static"
_POLICY = "default-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

Given = TypeVar("Given", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


class Page:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def index(self, _: Request) -> Response:
        """Return the page itself."""
        return _page()

    async def person_page(self, request: Request) -> Response:
        """Return the page, which selects the person of its address: as in Attio's `web_url`, but for the host."""
        if request.path_params["slug"] != self._sandbox.attio.slug:
            return _refusal(404, "This workspace is not here.")
        return _page()

    async def state(self, request: Request) -> Response:
        """Return all that the page shows."""
        look = Look.model_validate(dict(request.query_params))
        sandbox = self._sandbox
        sides = await run_in_threadpool(both_sides, sandbox, look)
        pipeline = await run_in_threadpool(pipeline_state, sandbox.pipeline, shown_customers(sides))
        return Json(
            {
                "version": __version__,
                "now": sandbox.clock().isoformat(),
                "workspace": sandbox.attio.slug,
                "dagster_url": sandbox.dagster_url,
                "traffic": traffic_totals(sandbox.traffic),
                "switches": self._switches(),
                "other_faults": [
                    fault_json(number, fault)
                    for number, fault in sandbox.faults.active().items()
                    if not any(fault == switched for _, switched in SWITCHES.values())
                ],
                **sides,
                **pipeline,
            },
            headers={"cache-control": "no-store"},
        )

    async def add_customer(self, request: Request) -> Response:
        """Have somebody buy in Polar."""
        given = await _given(IndividualCreate, request)
        row = self._sandbox.polar.add_customer(name=given.name, email=given.email, external_id=given.external_id)
        return Json({"id": row.id}, 201)

    async def change_customer(self, request: Request) -> Response:
        """Rename or re-mail a customer."""
        given = await _given(CustomerUpdate, request)
        fields = given.model_dump(include={"name", "email"}, exclude_unset=True)
        if given.email is None:
            fields.pop("email", None)
        self._sandbox.polar.update_customer(request.path_params["id"], **cast(CustomerFields, fields))
        return Response(status_code=204)

    async def delete_customer(self, request: Request) -> Response:
        """Delete a customer."""
        self._sandbox.polar.delete_customer(request.path_params["id"])
        return Response(status_code=204)

    async def add_person(self, request: Request) -> Response:
        """Add a person as a workspace member does."""
        given = await _given(PersonGiven, request)
        record_id = self._sandbox.attio.add_person(emails=[given.email.strip()], name=given.name or None)
        return Json({"id": record_id}, 201)

    async def edit_person(self, request: Request) -> Response:
        """Write one value."""
        given = await _given(EditGiven, request)
        attio = self._sandbox.attio
        attribute = attio.people_type.find(given.attribute)
        value = typed(attribute.type if attribute else "text", given.text.strip())
        attio.edit_person(request.path_params["id"], {given.attribute: value}, actor=given.actor)
        return Response(status_code=204)

    async def merge_people(self, request: Request) -> Response:
        """Merge another person into this one; both ids are gone, the answer has the new one."""
        given = await _given(MergeGiven, request)
        return Json({"id": self._sandbox.attio.merge(request.path_params["id"], given.secondary)})

    async def delete_person(self, request: Request) -> Response:
        """Delete a person."""
        self._sandbox.attio.delete(request.path_params["id"])
        return Response(status_code=204)

    async def switch(self, request: Request) -> Response:
        """Switch a common fault on or off."""
        given = await _given(SwitchGiven, request)
        _, wanted = SWITCHES[request.path_params["name"]]
        faults = self._sandbox.faults
        for number, fault in faults.active().items():
            if fault == wanted:
                faults.remove(number)
        if given.on:
            faults.add(wanted)
        return Json(self._switches())

    def _switches(self) -> list[dict[str, Any]]:
        active = self._sandbox.faults.active().values()
        return [{"name": name, "title": title, "on": fault in active} for name, (title, fault) in SWITCHES.items()]


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """Return the page's routes."""
    page, billing, pipeline = Page(sandbox), BillingPage(sandbox), PipelinePage(sandbox)
    listed: list[tuple[str, str, Endpoint]] = [
        ("GET", "state", page.state),
        ("POST", "customers", page.add_customer),
        ("PATCH", "customers/{id}", page.change_customer),
        ("DELETE", "customers/{id}", page.delete_customer),
        ("POST", "customers/{id}/subscriptions", billing.subscribe),
        ("POST", "customers/{id}/orders", billing.buy),
        ("POST", "subscriptions/{id}/{action}", billing.change_subscription),
        ("POST", "orders/{id}/{action}", billing.change_order),
        ("POST", "people", page.add_person),
        ("PATCH", "people/{id}", page.edit_person),
        ("DELETE", "people/{id}", page.delete_person),
        ("POST", "people/{id}/merge", page.merge_people),
        ("PUT", "switches/{name}", page.switch),
        ("POST", "passes", pipeline.start),
    ]
    return [
        Route("/", page.index, methods=["GET"]),
        *(Route(f"/sandbox/page/{path}", _explained(endpoint), methods=[method]) for method, path, endpoint in listed),
        Mount("/sandbox/static", StaticFiles(directory=_STATIC)),
        Route("/{slug}/person/{id}", page.person_page, methods=["GET"]),
    ]


def _explained(endpoint: Endpoint) -> Endpoint:
    """Turn what a service would refuse into one sentence."""

    async def wrapped(request: Request) -> Response:
        if is_of_another_page(request):
            return _refusal(403, "Only the sandbox's own page may do that.")
        try:
            return await endpoint(request)
        except (ValidationError, ImpossibleError, TakenError, PipelineError, AttioError, KeyError) as refused:
            return _refusal(*_explanation(refused))

    return wrapped


def _explanation(refused: Exception) -> tuple[int, str]:
    """Return the status and the sentence for what a service, the sandbox or the pipeline refuses."""
    match refused:
        case ValidationError():
            found = 422, "; ".join(str(error["msg"]) for error in refused.errors())
        case TakenError():
            found = 409, f"Another customer holds this {refused.field.replace('_', ' ')}."
        case ImpossibleError():
            found = 409, str(refused)
        case PipelineError():
            found = 502, str(refused)
        case AttioError():
            found = refused.status, refused.message
        case _:
            found = 404, "This is no longer there."
    return found


def _refusal(status: int, sentence: str) -> Response:
    return Json({"detail": sentence}, status)


def _page() -> Response:
    return FileResponse(
        _STATIC / "index.html", headers={"content-security-policy": _POLICY, "cache-control": "no-cache"}
    )


async def _given(model: type[Given], request: Request) -> Given:
    return model.model_validate_json(await request.body() or b"{}")
