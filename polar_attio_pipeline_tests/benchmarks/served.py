"""The sandbox as a process of its own, with a book of any size that Attio may hold already.

Filling Attio through its API would take longer than what is measured, so it is filled from inside, with the values that
the sync itself would write. A pass that finds something to write there shows that this went wrong.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from polar_attio_pipeline.attio.values import encode
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.polar.models import CustomerRow, to_customer
from polar_attio_pipeline.polar.subscriptions import subscription_entry
from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import parse_scale
from polar_attio_pipeline.sandbox.polar.render import customer_json
from polar_attio_pipeline.sandbox.polar.render_billing import subscription_json
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.seed import Shares, seed_customers
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.billing import billing
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline_tests.attributes import add_attributes

PLAIN = Shares(imported=0, teams=0, ownerless=0, nameless=0, subscribed=0, anonymized=0, refused=0)
"""People whom Attio can take: every one of them is one write, so that a floor can be told."""

TARGETS = tuple(
    Target(attribute, attribute.types[0], currency="USD", options=frozenset(attribute.options))
    for attribute in ATTRIBUTES
)

_SEED = 1


def main() -> None:
    """Serve until standard input ends; the first line of output is the address."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=0)
    parser.add_argument("--mixed", action="store_true", help="teams, imports, refused addresses and the like as well")
    parser.add_argument("--synced", action="store_true", help="Attio holds all of them, as the sync leaves them")
    parser.add_argument("--subscriptions", type=int, default=0, help="so many customers have one, and pay for it")
    parser.add_argument(
        "--scope", action="append", help="the workspace has the attributes that need it; may be repeated; all if absent"
    )
    parser.add_argument("--limits", type=parse_scale, default="real")
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    sandbox = Sandbox(seed=_SEED, scale=given.limits)
    shares = Shares() if given.mixed else PLAIN
    seed_customers(sandbox.polar, customers=given.customers, seed=_SEED, now=sandbox.clock(), shares=shares)
    product = sandbox.polar.billing.product("Pro", amount=2900)
    for row in list(sandbox.polar.customers.values())[: given.subscriptions]:
        sandbox.polar.billing.subscribe(row.id, product, at=row.created_at)
    targets = [target for target in TARGETS if not given.scope or target.attribute.scope in given.scope]
    add_attributes(sandbox.attio, [target.attribute for target in targets])
    if given.synced:
        sandbox.attio.add_people(_people(sandbox, tuple(targets)), actor="api-token", companies=False)
    if given.latency:
        sandbox.faults.add(Fault(kind=Kind.LATENCY, seconds=given.latency))
    with serving(sandbox) as url:
        sys.stdout.write(f"{url} {POLAR_TOKEN} {ATTIO_TOKEN}\n")
        sys.stdout.flush()
        sys.stdin.read()


def _people(sandbox: Sandbox, targets: tuple[Target, ...]) -> Iterator[NewPerson]:
    polar = sandbox.polar
    held: defaultdict[str, list[Subscription]] = defaultdict(list)
    for subscription in polar.subscriptions:
        listed = subscription_json(subscription, polar.customers[subscription.customer_id], polar.organization.id)
        held[subscription.customer_id] += filter(None, [subscription_entry(listed).value])
    for row in polar.customers.values():
        if row.email:
            yield _person(row, held[row.id], polar, targets)


def _person(
    row: Customer, subscriptions: Sequence[Subscription], polar: PolarWorld, targets: tuple[Target, ...]
) -> NewPerson:
    slug, now = polar.organization.slug, datetime.now(UTC)
    customer = to_customer(
        CustomerRow.model_validate(customer_json(row, polar.organization.id)),
        url=lambda customer_id: customer_url(customer_id, api_url="http://127.0.0.1", slug=slug),
        read_at=now,
    )
    said = wanted(replace(customer, billing=billing(subscriptions, None, now=now)), targets).values
    types = {target.attribute.key: target.type for target in targets}
    return NewPerson([row.email or ""], values={key: encode(types[key], value) for key, value in said.items()})


if __name__ == "__main__":
    main()
