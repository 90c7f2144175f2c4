"""What decides about one customer of a plan: if none of it has changed, the plan is still true."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline_tests.passes.billing_oracle import said
from polar_attio_pipeline_tests.passes.world import World
from polar_attio_pipeline_tests.sync.state import Somebody, State, look


@dataclass(frozen=True)
class Neighbourhood:
    """A customer and all to whom it may be related.

    Attributes:
        customer: What Polar says of it; None where Polar has it no more.
        pays: What it pays.
        people: Everybody in Attio who holds its id or its address, or is the person of the plan.
        rivals: The other customers with its address, or whose id one of these people holds.
    """

    customer: object
    pays: dict[str, Any]
    people: dict[str, object]
    rivals: frozenset[str]


def neighbourhoods(world: World, plan: Iterable[Approved]) -> dict[str, Neighbourhood]:
    """Take down what decides about each customer of a plan, now."""
    state = look(world.polar, world.attio)
    return {entry.customer_id: _neighbourhood(world, state, entry) for entry in plan}


def _neighbourhood(world: World, state: State, entry: Approved) -> Neighbourhood:
    customer_id = entry.customer_id
    row, address = state.customers.get(customer_id), state.addresses.get(customer_id)
    people = {
        record_id: person
        for record_id, person in state.people.items()
        if record_id == entry.record_id
        or person.polar_id == customer_id
        or (address is not None and address in person.emails)
    }
    ids = {person.polar_id for person in people.values()}
    rivals = {
        one
        for one, theirs in state.addresses.items()
        if one != customer_id and ((address is not None and theirs == address) or one in ids)
    }
    return Neighbourhood(
        (row.email, row.name, row.external_id, row.type, repr(row.billing_address)) if row else None,
        said(world.polar, customer_id, world.eyes) if row else {},
        {record_id: _shown(person) for record_id, person in people.items()},
        frozenset(rivals),
    )


def _shown(person: Somebody) -> object:
    held = {slug: values[0][:2] for slug, values in person.values.items() if slug in BY_KEY}
    return person.emails, held
