"""How long Attio takes to say what has changed in Polar, and what each kind of change costs.

Times are of Dagster's daemon with the default settings, at the services' real limits: changes come every few seconds,
while the sensor ticks and its runs start. Requests are those of one change by itself.
"""

import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from polar_attio_pipeline.sandbox.attio.people import PersonView
from polar_attio_pipeline.sandbox.limits import OFF, REAL
from polar_attio_pipeline.sandbox.polar.billing_rows import Product, Subscription
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.benchmarks.figures import Figure
from polar_attio_pipeline_tests.benchmarks.stand import ROOT, work
from polar_attio_pipeline_tests.browser.stack import BIN, process

_TIMES = 20
_SECONDS_BETWEEN = (1.0, 4.0)
"""So long until the next change, drawn anew for each."""

_PATIENCE = 600
"""Seconds until a change counts as one that never comes."""

_LOOK_EVERY = 0.2
_BEFORE = timedelta(days=10)
"""So long ago customers came and subscribed: within the first month, so that a cancelled subscription still runs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change.

    Attributes:
        begin: Brings a customer to where the change starts from.
        change: Changes it.
        is_there: Tells whether Attio's person says so.
        writes: What the change has to cost: the least that Attio allows.
    """

    begin: Callable[[PolarWorld, str], object]
    change: Callable[[PolarWorld, str], object]
    is_there: Callable[[PersonView], bool]
    writes: int = 1


def _subscribe(polar: PolarWorld, customer_id: str, *, trial_days: int = 0) -> Subscription:
    """Begin a subscription as long ago as the customer came."""
    since = polar.customers[customer_id].created_at
    return polar.billing.subscribe(customer_id, _product(polar), trial_days=trial_days, at=since)


def _product(polar: PolarWorld) -> Product:
    return polar.billing.product("Pro", amount=2900)


def _newest(polar: PolarWorld, customer_id: str) -> str:
    return polar.subscriptions.of(customer_id)[-1].id


def _status(status: str) -> Callable[[PersonView], bool]:
    return lambda person: person.values.get("polar_status") == status


def _nothing(polar: PolarWorld, customer_id: str) -> None:
    del polar, customer_id


def _canceled(polar: PolarWorld, customer_id: str) -> None:
    polar.billing.cancel(_subscribe(polar, customer_id).id, None)


def _paused(polar: PolarWorld, customer_id: str) -> None:
    polar.billing.pause(_subscribe(polar, customer_id).id)


KINDS: Mapping[str, Kind] = {
    "rename": Kind(
        _nothing,
        lambda polar, one: polar.update_customer(one, name="Renamed Person"),
        lambda person: person.name == "Renamed Person",
    ),
    "new address": Kind(
        _nothing,
        lambda polar, one: polar.update_customer(one, email=f"new.{one[:8]}@example.com"),
        lambda person: any(email.startswith("new.") for email in person.emails),
    ),
    "subscribe": Kind(_nothing, lambda polar, one: polar.billing.subscribe(one, _product(polar)), _status("Paying")),
    "trial ends": Kind(
        lambda polar, one: _subscribe(polar, one, trial_days=90),
        lambda polar, one: polar.billing.end_trial(_newest(polar, one)),
        _status("Paying"),
    ),
    "cancel": Kind(
        _subscribe, lambda polar, one: polar.billing.cancel(_newest(polar, one), None), _status("Canceling")
    ),
    "uncancel": Kind(_canceled, lambda polar, one: polar.billing.uncancel(_newest(polar, one)), _status("Paying")),
    "past due": Kind(_subscribe, lambda polar, one: polar.billing.past_due(_newest(polar, one)), _status("Past due")),
    "pause": Kind(_subscribe, lambda polar, one: polar.billing.pause(_newest(polar, one)), _status("Paused")),
    "resume": Kind(_paused, lambda polar, one: polar.billing.resume(_newest(polar, one)), _status("Paying")),
    "revoke": Kind(_subscribe, lambda polar, one: polar.billing.revoke(_newest(polar, one)), _status("Churned")),
    "refund": Kind(
        _subscribe,
        lambda polar, one: polar.billing.refund(polar.orders.of(one)[-1].id, 900),
        lambda person: person.values.get("polar_lifetime_value") == 20,
    ),
    "delete": Kind(_subscribe, lambda polar, one: polar.delete_customer(one), _status("Deleted")),
}


def costs(*, quick: bool) -> Iterator[Figure]:
    """Requests and writes of a pass over one changed customer, for each kind of change."""
    del quick
    sandbox, changing = _sandbox(times=1)
    sandbox.set_limits(OFF)
    with _home(sandbox) as environment:
        work(environment, "reconcile", database=environment["POLAR_ATTIO_DATABASE_URL"])
        for name, customer_id in changing:
            KINDS[name].change(sandbox.polar, customer_id)
            sandbox.traffic.reset()
            work(environment, "changed", database=environment["POLAR_ATTIO_DATABASE_URL"], customer_id=customer_id)
            case = f"a change: {name}"
            yield Figure(case=case, what="requests", ours=sandbox.traffic.count(), floor=5)
            writes = sandbox.traffic.count(service="attio", kind="write")
            yield Figure(case=case, what="writes", ours=writes, target=KINDS[name].writes, floor=KINDS[name].writes)


def latencies(*, quick: bool) -> Iterator[Figure]:
    """Seconds until Attio says what has changed, with the daemon running; ten minutes. Run by its name alone."""
    sandbox, changing = _sandbox(times=1 if quick else _TIMES)
    random.Random(1).shuffle(changing)
    with _home(sandbox) as environment:
        work(environment, "reconcile", database=environment["POLAR_ATTIO_DATABASE_URL"])
        sandbox.set_limits(REAL)
        records = {person.values["polar_customer_id"]: person.id for person in sandbox.attio.people()}
        assert records.keys() >= {customer_id for _, customer_id in changing}
        daemon = [str(BIN / "dagster-daemon"), "run", "-w", str(ROOT / "workspace.yaml")]
        with process(daemon, environment, Path(environment["DAGSTER_HOME"]) / "daemon"):
            _wait_for_events(sandbox)
            seconds = _measure(sandbox, changing, records, between=(0.5, 1.0) if quick else _SECONDS_BETWEEN)
    for name in KINDS:
        case = f"a change: {name}"
        yield Figure(case=case, what="until Attio says so, median", unit="s", ours=median(seconds[name]), target=45)
        yield Figure(case=case, what="until Attio says so, worst", unit="s", ours=max(seconds[name]))
    every = [one for those in seconds.values() for one in those]
    case = f"{len(every)} changes of all kinds"
    yield Figure(case=case, what="until Attio says so, median", unit="s", ours=median(every), target=45)
    yield Figure(case=case, what="until Attio says so, worst", unit="s", ours=max(every))


def _sandbox(*, times: int) -> tuple[Sandbox, list[tuple[str, str]]]:
    """Return a sandbox and, for each change that is to come, its kind and its customer."""
    sandbox = Sandbox(seed=1, scale=OFF)
    add_attributes(sandbox.attio)
    since = datetime.now(UTC) - _BEFORE
    changing: list[tuple[str, str]] = []
    for number in range(times):
        for place, (name, kind) in enumerate(KINDS.items()):
            email = f"c{number}.{place}@example.com"
            row = sandbox.polar.add_customer(
                email=email, name=f"Person {number}", created_at=since + timedelta(minutes=len(changing))
            )
            kind.begin(sandbox.polar, row.id)
            changing.append((name, row.id))
    return sandbox, changing


@contextmanager
def _home(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
    """Yield the environment of processes that work on a sandbox, with an instance and a ledger of their own."""
    with tempfile.TemporaryDirectory() as folder, serving(sandbox) as url:
        (Path(folder) / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text().replace(".state/", f"{folder}/"))
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("POLAR_", "ATTIO_"))},
            "POLAR_API_URL": url,
            "ATTIO_API_URL": url,
            "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
            "ATTIO_API_KEY": ATTIO_TOKEN,
            "DAGSTER_HOME": folder,
            "POLAR_ATTIO_DATABASE_URL": f"{folder}/ledger.db",
            "POLAR_ATTIO_START_DATE": datetime.now(UTC).date().isoformat(),
        }


def _wait_for_events(sandbox: Sandbox) -> None:
    """Wait until the sensor has asked for events twice: by then its cursor is set."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if sandbox.traffic.count(route="/v1/events/") > 1:
            return
        time.sleep(_LOOK_EVERY)
    raise AssertionError("the sensor never asked for events")


def _measure(
    sandbox: Sandbox, changing: Sequence[tuple[str, str]], records: Mapping[str, str], *, between: tuple[float, float]
) -> dict[str, list[float]]:
    """Let the changes come one after another, and return how many seconds each took; infinity if it never came."""
    draw = random.Random(2)
    coming = list(changing)
    pending: dict[str, tuple[str, float]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in KINDS}
    due = time.monotonic()
    while coming or pending:
        now = time.monotonic()
        if coming and now >= due:
            name, customer_id = coming.pop()
            KINDS[name].change(sandbox.polar, customer_id)
            pending[customer_id] = name, time.monotonic()
            due = now + draw.uniform(*between)
        for customer_id, (name, began) in list(pending.items()):
            taken = time.monotonic() - began
            if KINDS[name].is_there(sandbox.attio.person(records[customer_id])):
                seconds[name].append(taken)
                del pending[customer_id]
            elif taken > _PATIENCE:
                seconds[name].append(math.inf)
                del pending[customer_id]
        time.sleep(_LOOK_EVERY)
    return seconds
