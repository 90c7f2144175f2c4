"""Passes taken back on a stage, and all that people see of a workspace."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.ledger import Recorder
from polar_attio_pipeline.passes.undo import Undone, undo_pass
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.undo.values import Item, Selection, Verdict
from polar_attio_pipeline_tests.passes.stage import Stage


def living_in(country: str) -> dict[str, Any]:
    """The field of a customer from which its country comes."""
    return {"billing_address": {"country": country}}


@dataclass
class Taken:
    """What became of a pass that was taken back.

    Attributes:
        done: What the undo returned.
        items: What it said of each value.
    """

    done: Undone
    items: list[Item] = field(default_factory=list)

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """By record and attribute."""
        return {(item.record_id, item.key): item.verdict for item in self.items}

    def of(self, record_id: str, key: str = "") -> Item:
        """What became of one attribute, or of a record as a whole."""
        (found,) = (item for item in self.items if (item.record_id, item.key) == (record_id, key))
        return found

    def kinds(self) -> set[Verdict]:
        return {item.verdict for item in self.items}


def newest_pass(stage: Stage) -> str:
    return stage.ledger.newest_passes(1)[0].pass_id


def undo(
    stage: Stage,
    name: str | None = None,
    *,
    customers: tuple[str, ...] = (),
    attributes: tuple[str, ...] = (),
    clear_created: bool = False,
    dry_run: bool = False,
) -> Taken:
    """Take a pass back, the newest one unless it is named; raises what it raises."""
    found: list[Item] = []
    selection = Selection(frozenset(customers), frozenset(attributes))

    async def run() -> Undone:
        async with stage.context() as context:
            return await undo_pass(
                context,
                name or newest_pass(stage),
                selection=selection,
                clear_created=clear_created,
                dry_run=dry_run,
                take=found.extend,
            )

    return Taken(asyncio.run(run()), found)


def workspace(attio: AttioWorld) -> dict[str, Mapping[str, Any]]:
    """All that the people and companies of a workspace hold, by record id; without who wrote it and when."""
    with attio.settled():
        records = [record for kind in attio.store.objects for record in attio.store.records(kind).values()]
        return {record.id: _shown(attio.dump(record)["values"]) for record in records}


def _shown(values: Mapping[str, list[dict[str, Any]]]) -> Mapping[str, Any]:
    about = {"active_from", "active_until", "created_by_actor"}
    return {
        slug: [{name: part for name, part in value.items() if name not in about} for value in held]
        for slug, held in values.items()
        if held
    }


class KilledError(BaseException):
    """The process ends here; nothing that it had in memory is stored."""


@contextmanager
def killed_at(write: int, *, carried_out: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kill a pass at one of its writes to Attio's records, counted from one.

    Args:
        write: Which one.
        carried_out: Whether Attio carries it out, and only the answer is lost.
        monkeypatch: Of the test.
    """
    count, is_dead = 0, False
    send, save = httpx.ASGITransport.handle_async_request, Recorder.save

    async def handle(self: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        nonlocal count, is_dead
        is_write = request.method in {"PATCH", "PUT"} or request.url.path.endswith("/records")
        if is_dead:
            raise KilledError
        count += is_write
        if not is_write or count != write:
            return await send(self, request)
        is_dead = True
        if carried_out:
            await send(self, request)
        raise KilledError

    def save_while_alive(self: Recorder) -> None:
        if not is_dead:
            save(self)

    with monkeypatch.context() as patched, suppress(KilledError):
        patched.setattr(httpx.ASGITransport, "handle_async_request", handle)
        patched.setattr(Recorder, "save", save_while_alive)
        yield
    assert is_dead, "the pass has fewer writes"
