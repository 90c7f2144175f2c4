"""The sandbox's own controls, under `/sandbox/`: JSON in, JSON out."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal, TypeVar, cast

from pydantic import AwareDatetime, BaseModel, NonNegativeInt, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polar_attio_pipeline.sandbox import control_events, control_tokens
from polar_attio_pipeline.sandbox.faults import Fault, fault_json
from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.limits import parse_scale
from polar_attio_pipeline.sandbox.polar.changes import CustomerFields
from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.polar.render import customer_json
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sandbox.same_origin import is_of_another_page
from polar_attio_pipeline.sandbox.world import Sandbox

Given = TypeVar("Given", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


class BookGiven(BaseModel):
    """New customers for Polar."""

    customers: NonNegativeInt = 300
    seed: int = 1


class CustomerGiven(BaseModel):
    """A customer to make, or fields to change.

    Attributes:
        visible_in_seconds: How long until the creating transaction commits; null: until `/commit` is called.
        unserialisable: Make it a row that Polar's own response model refuses.
        unpaired_surrogate: End its name in half of a character, which comes as an escape of JSON.
    """

    email: str | None = None
    name: str | None = None
    type: Literal["individual", "team"] = "individual"
    external_id: str | None = None
    billing_address: dict[str, str | None] | None = None
    metadata: dict[str, str | int | float | bool] = {}
    created_at: AwareDatetime | None = None
    visible_in_seconds: float | None = 0
    unserialisable: bool = False
    unpaired_surrogate: bool = False

    def fields(self) -> CustomerFields:
        """Return what was given of the customer itself."""
        controls = {"visible_in_seconds", "unserialisable", "unpaired_surrogate"}
        about_the_row = self.model_dump(exclude=controls, exclude_unset=True)
        if self.unserialisable:
            about_the_row.update(email=None, type="individual")
        if self.unpaired_surrogate:
            about_the_row["name"] = f"{self.name or ''}\ud800"
        return cast(CustomerFields, about_the_row)


class ClockGiven(BaseModel):
    """A shift of the sandbox's time."""

    shift_seconds: float


class LimitsGiven(BaseModel):
    """A scale of the rate limits: `real`, `off` or a factor."""

    scale: str | float


class Controls:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _: Request) -> Response:
        """Say that the sandbox is there, and what time it is."""
        now = self._sandbox.clock().isoformat()
        return Json({"ok": True, "now": now, "customers": len(self._sandbox.polar.customers)})

    async def list_faults(self, _: Request) -> Response:
        """List the faults that are on."""
        active = self._sandbox.faults.active()
        return Json([fault_json(number, fault) for number, fault in active.items()])

    async def add_fault(self, request: Request) -> Response:
        """Switch a fault on."""
        fault = await _given(Fault, request)
        number = self._sandbox.faults.add(fault)
        return Json(fault_json(number, fault), 201)

    async def clear_faults(self, _: Request) -> Response:
        """Switch all faults off."""
        self._sandbox.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        """Switch one fault off."""
        self._sandbox.faults.remove(request.path_params["number"])
        return Response(status_code=204)

    async def list_churn(self, _: Request) -> Response:
        """List what is to happen to the customers while they are paged through, and what has."""
        churn = self._sandbox.churn
        active = [due.model_dump() for due in churn.active]
        return Json({"active": active, "inserted": churn.inserted, "deleted": churn.deleted})

    async def add_churn(self, request: Request) -> Response:
        """Have the customers change while they are paged through."""
        churn = await _given(Churn, request)
        self._sandbox.churn.active.append(churn)
        return Json(churn.model_dump(), 201)

    async def clear_churn(self, _: Request) -> Response:
        """Have it change no more."""
        self._sandbox.churn.clear()
        return Response(status_code=204)

    async def traffic(self, _: Request) -> Response:
        """Tell what arrived."""
        return Json(self._sandbox.traffic.as_json())

    async def reset_traffic(self, _: Request) -> Response:
        """Forget what arrived."""
        self._sandbox.traffic.reset()
        return Response(status_code=204)

    async def replace_customers(self, request: Request) -> Response:
        """Replace Polar's customers; Attio keeps its people, and gets those who are known of the new ones."""
        given = await _given(BookGiven, request)
        self._sandbox.polar.clear()
        self._sandbox.fill(customers=given.customers, seed=given.seed)
        return Json({"customers": len(self._sandbox.polar.customers)}, 201)

    async def add_customer(self, request: Request) -> Response:
        """Make a customer, perhaps one whose transaction commits late, or with an earlier created_at."""
        given = await _given(CustomerGiven, request)
        seconds = given.visible_in_seconds
        visible_in = None if seconds is None else timedelta(seconds=seconds)
        try:
            row = self._sandbox.polar.add_customer(visible_in=visible_in, **given.fields())
        except TakenError as taken:
            raise HTTPException(409, f"another customer holds this {taken.field}") from None
        return self._shown(row, 201)

    async def change_customer(self, request: Request) -> Response:
        """Rename, re-mail or break a customer."""
        given = await _given(CustomerGiven, request)
        try:
            row = self._sandbox.polar.update_customer(request.path_params["id"], **given.fields())
        except TakenError as taken:
            raise HTTPException(409, f"another customer holds this {taken.field}") from None
        except KeyError:
            raise HTTPException(404) from None
        return self._shown(row)

    async def delete_customer(self, request: Request) -> Response:
        """Delete a customer."""
        try:
            self._sandbox.polar.delete_customer(request.path_params["id"])
        except KeyError:
            raise HTTPException(404) from None
        return Response(status_code=204)

    async def commit_customer(self, request: Request) -> Response:
        """End the transaction that created a customer."""
        try:
            row = self._sandbox.polar.commit(request.path_params["id"])
        except KeyError:
            raise HTTPException(404) from None
        return self._shown(row)

    async def clock(self, _: Request) -> Response:
        """Tell the sandbox's time, and how far ahead of the machine's it is."""
        clock = self._sandbox.clock
        return Json({"now": clock().isoformat(), "offset_seconds": clock.offset.total_seconds()})

    async def shift_clock(self, request: Request) -> Response:
        """Shift the sandbox's time."""
        given = await _given(ClockGiven, request)
        self._sandbox.clock.shift(timedelta(seconds=given.shift_seconds))
        return await self.clock(request)

    async def scale_limits(self, request: Request) -> Response:
        """Scale the rate limits of both services."""
        given = await _given(LimitsGiven, request)
        try:
            self._sandbox.set_limits(parse_scale(str(given.scale)))
        except ValueError as wrong:
            raise HTTPException(422, str(wrong)) from None
        return Json({"scale": given.scale})

    def _shown(self, row: Customer, status: int = 200) -> Response:
        return Json(customer_json(row, self._sandbox.polar.organization.id), status)


async def _given(model: type[Given], request: Request) -> Given:
    try:
        return model.model_validate_json(await request.body() or b"{}")
    except ValidationError as wrong:
        raise HTTPException(422, str(wrong)) from None


def _not_from_elsewhere(endpoint: Endpoint) -> Endpoint:
    """Refuse what a page of another origin asks for."""

    async def wrapped(request: Request) -> Response:
        if is_of_another_page(request):
            raise HTTPException(403, "A page of another origin may not do that.")
        return await endpoint(request)

    return wrapped


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the controls."""
    do = Controls(sandbox)
    tokens = control_tokens.TokenControls(sandbox)
    listed: list[tuple[str, str, Endpoint]] = [
        ("GET", "health", do.health),
        ("GET", "faults", do.list_faults),
        ("POST", "faults", do.add_fault),
        ("DELETE", "faults", do.clear_faults),
        ("DELETE", "faults/{number:int}", do.remove_fault),
        ("GET", "churn", do.list_churn),
        ("POST", "churn", do.add_churn),
        ("DELETE", "churn", do.clear_churn),
        ("GET", "traffic", do.traffic),
        ("DELETE", "traffic", do.reset_traffic),
        ("POST", "seed", do.replace_customers),
        ("POST", "customers", do.add_customer),
        ("PATCH", "customers/{id}", do.change_customer),
        ("DELETE", "customers/{id}", do.delete_customer),
        ("POST", "customers/{id}/commit", do.commit_customer),
        ("GET", "tokens", tokens.list_tokens),
        ("POST", "tokens", tokens.change_token),
        ("POST", "events", control_events.EventControls(sandbox).change_rules),
        ("GET", "clock", do.clock),
        ("POST", "clock", do.shift_clock),
        ("POST", "limits", do.scale_limits),
    ]
    return [
        Route(f"/sandbox/{path}", _not_from_elsewhere(endpoint), methods=[method]) for method, path, endpoint in listed
    ]
