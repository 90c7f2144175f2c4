"""A plan is made, kept and applied, each by a process of its own; Attio's writes can be watched, and be the last."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polar_attio_pipeline.passes.apply import Applied, apply_plan
from polar_attio_pipeline.passes.plan_file import PlanFile, load, plan_file, save
from polar_attio_pipeline.passes.preview import preview_all
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.records import Person, Value, Values


class KilledError(BaseException):
    """The process was killed: no `except Exception` sees it."""


@dataclass(frozen=True)
class Seen:
    """A write that Attio was asked for; no record where it makes one."""

    record_id: str | None
    values: dict[str, Value | None]


@dataclass
class Watched:
    """Attio's people, each of whose writes is seen; in the middle of one the process may be killed.

    Attributes:
        inner: The real client.
        happens: Called before each write, with its number from 1.
        killed_at: The number of the write that is the last one; None for none.
        after: Whether that write is carried out.
        seen: The writes that Attio has carried out.
    """

    inner: Any
    happens: Callable[[int], None] = lambda number: None
    killed_at: int | None = None
    after: bool = True
    seen: list[Seen] = field(default_factory=list)
    _number: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def create(self, values: Values, *, email: str) -> Person:
        self._before()
        person: Person = await self.inner.create(values, email=email)
        self._did(None, {**values, EMAILS_KEY: email})
        return person

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        self._before()
        person: Person = await self.inner.update(record_id, values, add_email=add_email)
        self._did(record_id, {**values, **({EMAILS_KEY: add_email} if add_email else {})})
        return person

    def _before(self) -> None:
        self._number += 1
        self.happens(self._number)
        if self.killed_at is not None and self._number > self.killed_at - (not self.after):
            raise KilledError

    def _did(self, record_id: str | None, values: dict[str, Value | None]) -> None:
        self.seen.append(Seen(record_id, values))
        if self._number == self.killed_at:
            raise KilledError


async def agreed(context: PassContext, file: Path) -> PlanFile:
    """Plan everything, keep it, and read it as another process would."""
    plan = plan_file(context, await preview_all(context))
    save(plan, file, force=True)
    found = load(file)
    assert found == plan, "a plan does not survive its file"
    return found


async def apply(context: PassContext, plan: PlanFile, watched: Watched | None = None, **options: Any) -> Applied:
    """Apply a plan; its writes are seen by what watches."""
    attio: Any = watched or context.attio
    return await apply_plan(replace(context, attio=attio), plan, **options)
