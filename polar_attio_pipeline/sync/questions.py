"""The questions about single customers that Polar has to answer before it is certain who they are in the CRM."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.ports import CustomerSource, DeniedError, NoAnswerError, UnavailableError
from polar_attio_pipeline.sync.records import Owner
from polar_attio_pipeline.sync.tasks import task_group

_Answer = TypeVar("_Answer")


@dataclass
class Answers:
    """What Polar said, and why some of it could not be had.

    Attributes:
        owners: The owner of a team, by customer id; None where it has none.
        alive: By id, whether there is such a customer.
        no_owner: By customer id, why its owner could not be asked for.
        no_existence: By id, why it is not known whether there is such a customer.
    """

    owners: dict[str, Owner | None] = field(default_factory=dict)
    alive: dict[str, bool] = field(default_factory=dict)
    no_owner: dict[str, str] = field(default_factory=dict)
    no_existence: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Questions:
    """What has to be asked.

    Attributes:
        owners: Ids of customers whose owner is of interest.
        existence: Ids of which it matters whether a live customer has them.
    """

    owners: frozenset[str] = frozenset()
    existence: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Return how many questions there are."""
        return len(self.owners) + len(self.existence)


async def ask(questions: Questions, source: CustomerSource, health: Health, answers: Answers) -> None:
    """Ask, and put the answers with the others; a question without an answer costs no other one.

    Raises:
        ServiceDownError: Polar answers nothing at all.
        StoppedError: every question would fail the same way.
    """

    async def ask_owner(customer_id: str) -> None:
        answer = await _asked(Kind.OWNER, lambda: source.owner(customer_id), health)
        if isinstance(answer, Exception):
            answers.no_owner[customer_id] = str(answer)
        else:
            answers.owners[customer_id] = answer

    async def ask_existence(customer_id: str) -> None:
        answer = await _asked(Kind.EXISTENCE, lambda: source.exists(customer_id), health)
        if isinstance(answer, Exception):
            answers.no_existence[customer_id] = str(answer)
        else:
            answers.alive[customer_id] = answer

    # The first error ends the pass, and the questions under way with it.
    async with task_group() as tasks:
        for customer_id in sorted(questions.owners):
            tasks.create_task(ask_owner(customer_id))
        for customer_id in sorted(questions.existence):
            tasks.create_task(ask_existence(customer_id))


async def _asked(kind: Kind, question: Callable[[], Awaitable[_Answer]], health: Health) -> _Answer | Exception:
    """Return the answer, or the error that says why there is none."""
    if why := health.closed(kind):
        return UnavailableError(why)
    try:
        answer = await question()
    except NoAnswerError as error:
        health.succeeded(kind)
        return error
    except (UnavailableError, DeniedError) as error:
        await health.failed(kind, error)
        return error
    health.succeeded(kind)
    return answer
