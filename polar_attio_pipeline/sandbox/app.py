"""The application: both services behind one origin, the sandbox's own controls, and a page."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from polar_attio_pipeline.sandbox import control, page
from polar_attio_pipeline.sandbox.attio.routes import routes as attio_routes
from polar_attio_pipeline.sandbox.injector import Dates, FaultInjector
from polar_attio_pipeline.sandbox.polar.edge import PolarEdge
from polar_attio_pipeline.sandbox.polar.routes import routes as polar_routes
from polar_attio_pipeline.sandbox.traffic import TrafficRecorder
from polar_attio_pipeline.sandbox.world import Sandbox


def create_app(sandbox: Sandbox) -> ASGIApp:
    """Return the sandbox as an ASGI application.

    Polar's addresses begin with `/v1/`, Attio's with `/v2/`, so one origin is both `POLAR_API_URL` and
    `ATTIO_API_URL`.
    """
    service_routes = [
        *polar_routes(sandbox.churn),
        *attio_routes(sandbox.attio, sandbox.attio_limits),
    ]
    app: ASGIApp = Starlette(
        routes=[*service_routes, *control.routes(sandbox), *page.routes(sandbox)],
        exception_handlers={HTTPException: _no_such_route},
    )
    app = PolarEdge(app, sandbox.polar, sandbox.polar_limits)
    app = FaultInjector(app, sandbox.faults)
    app = TrafficRecorder(app, sandbox.traffic, service_routes)
    return Dates(app, sandbox.clock)


def _no_such_route(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, headers=refusal.headers)
