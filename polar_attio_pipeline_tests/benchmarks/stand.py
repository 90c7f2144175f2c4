"""What a case stands on: a sandbox in a process of its own, and processes that do the work that is measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]

_WORK_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Requests:
    """What arrived at the sandbox.

    Attributes:
        polar: Requests to Polar.
        attio: Requests to Attio, writes included.
        writes: Writes to Attio, refused ones included.
        throttled: Answers 429 of both.
    """

    polar: int
    attio: int
    writes: int
    throttled: int

    @property
    def total(self) -> int:
        """Requests to both services."""
        return self.polar + self.attio


class Stand:
    """A running sandbox.

    Attributes:
        url: Of both services.
        environment: What a process needs to work against it.
    """

    def __init__(self, url: str, environment: dict[str, str], controls: httpx.Client) -> None:
        self.url = url
        self.environment = environment
        self._http = controls

    def control(self, method: str, path: str, payload: Mapping[str, Any] | None = None) -> Any:
        """Ask the sandbox for something, and return what it says."""
        response = self._http.request(method, path, json=payload).raise_for_status()
        return response.json() if response.content else None

    def forget_traffic(self) -> None:
        """Begin to count anew."""
        self.control("DELETE", "/traffic")

    def requests(self) -> Requests:
        """Return what arrived since `forget_traffic`, as the sandbox counted it."""
        seen = self.control("GET", "/traffic")["counts"]

        def count(**by: str | int) -> int:
            return sum(row["requests"] for row in seen if by.items() <= row.items())

        return Requests(
            polar=count(service="polar"),
            attio=count(service="attio"),
            writes=count(service="attio", kind="write"),
            throttled=count(status=429),
        )

    def add_customers(self, count: int, *, prefix: str, created_at: str | None = None) -> None:
        """Let some people buy."""
        for number in range(count):
            customer = {"email": f"{prefix}{number}@example.com", "name": f"New {prefix.title()}{number}"}
            self.control("POST", "/customers", {**customer, **({"created_at": created_at} if created_at else {})})

    def rename(self, count: int) -> int:
        """Change the names of some customers, and return of how many."""
        authorization = {"Authorization": f"Bearer {self.environment['POLAR_ACCESS_TOKEN']}"}
        ids: list[str] = []
        for page in range(1, -(-count // 100) + 1):
            params = {"limit": 100, "page": page}
            listed = httpx.get(f"{self.url}/v1/customers/", params=params, headers=authorization, timeout=60)
            ids += [row["id"] for row in listed.raise_for_status().json()["items"]]
        for number, customer_id in enumerate(ids[:count]):
            self.control("PATCH", f"/customers/{customer_id}", {"name": f"Renamed Number{number}"})
        return len(ids[:count])

    def pace(self, settings: Mapping[str, int]) -> None:
        """Set the limiters of the work that follows."""
        self.environment.update({name: str(value) for name, value in settings.items()})

    def work(self, task: str, **options: Any) -> dict[str, Any]:
        """Do a task of `work` in a process of its own, and return its report.

        Raises:
            CalledProcessError: it failed; its standard error went to ours.
        """
        return work(self.environment, task, **options)


@contextmanager
def sandbox(  # keyword-only
    *,
    customers: int,
    subscriptions: int = 0,
    scopes: Sequence[str] = (),
    mixed: bool = False,
    synced: bool = False,
    limits: str = "off",
    latency: float = 0,
) -> Iterator[Stand]:
    """Start a sandbox; see `served` for what the arguments mean."""
    command = [sys.executable, "-m", "polar_attio_pipeline_tests.benchmarks.served"]
    command += ["--customers", str(customers), "--limits", limits, "--latency", str(latency)]
    command += ["--subscriptions", str(subscriptions), *(f"--scope={scope}" for scope in scopes)]
    command += ["--mixed"] * mixed + ["--synced"] * synced
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url, polar_token, attio_token = process.stdout.readline().split()
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith(("POLAR_", "ATTIO_"))},
                "POLAR_API_URL": url,
                "ATTIO_API_URL": url,
                "POLAR_ACCESS_TOKEN": polar_token,
                "ATTIO_API_KEY": attio_token,
            }
            with httpx.Client(base_url=f"{url}/sandbox", timeout=60) as controls:
                yield Stand(url, environment, controls)
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def work(environment: Mapping[str, str], task: str, **options: Any) -> dict[str, Any]:
    """Do a task of `work` in a process of its own, and return its report.

    Raises:
        CalledProcessError: it failed; its standard error went to ours.
    """
    return run([sys.executable, "-m", "polar_attio_pipeline_tests.benchmarks.work", task], environment, options)


def run(command: list[str], environment: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Run a process that takes its options as JSON and reports in JSON, in the last line of its output."""
    done = subprocess.run(
        [*command, json.dumps(options)],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_WORK_SECONDS,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
