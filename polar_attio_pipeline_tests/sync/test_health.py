"""What a failure is evidence of: one customer, one kind of request, or the service."""

import pytest

from polar_attio_pipeline.sync.health import (
    PROBED_EVERY,
    TOLERATED,
    TOLERATED_SEARCHES,
    Health,
    Kind,
    KindClosedError,
    ServiceDownError,
)
from polar_attio_pipeline.sync.ports import UnavailableError


class Service:
    """A service that answers simple requests, or not, and counts how often it was asked."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.asked = 0

    async def is_answering(self) -> bool:
        self.asked += 1
        return self.answers


def failure(text: str = "No.") -> UnavailableError:
    return UnavailableError(text)


async def test_a_failure_is_about_its_customer_as_long_as_the_service_answers() -> None:
    service = Service(answers=True)
    health = Health(service.is_answering)
    await health.failed(Kind.CREATE, failure())
    assert health.closed(Kind.CREATE) is None
    assert service.asked == 1
    health.check()


async def test_a_service_that_does_not_answer_is_down_from_the_first_failure_on() -> None:
    health = Health(Service(answers=False).is_answering)
    with pytest.raises(ServiceDownError, match=r"Attio is failing\."):
        await health.failed(Kind.SEARCH, failure("Attio is failing."))
    with pytest.raises(ServiceDownError, match=r"Attio is failing\."):
        await health.failed(Kind.UPDATE, failure("Another one."))


async def test_many_failures_in_a_row_close_their_kind_and_no_other() -> None:
    health = Health(Service(answers=True).is_answering)
    for _ in range(TOLERATED + 1):
        await health.failed(Kind.CREATE, failure("500"))
    assert "creations of people" in (health.closed(Kind.CREATE) or "")
    assert health.closed(Kind.UPDATE) is None
    with pytest.raises(KindClosedError, match="creations of people"):
        health.check()


@pytest.mark.parametrize("kind", [Kind.SEARCH, Kind.SEARCH_COMPANIES])
async def test_searches_are_for_many_so_few_failures_close_them_and_each_one_is_said_at_the_end(kind: Kind) -> None:
    health = Health(Service(answers=True).is_answering)
    for _ in range(TOLERATED_SEARCHES):
        await health.failed(kind, failure("503"))
    assert health.closed(kind) is None
    with pytest.raises(KindClosedError, match=f"^Some {kind} failed, and what needs them waits. 503$"):
        health.check()

    await health.failed(kind, failure("503"))

    assert health.closed(kind)
    with pytest.raises(KindClosedError, match=f"^All {kind} fail at present; everything else was done. 503$"):
        health.check()


async def test_a_success_between_them_shows_that_the_failures_are_single_ones() -> None:
    health = Health(Service(answers=True).is_answering)
    for _ in range(3 * TOLERATED):
        await health.failed(Kind.CREATE, failure())
        health.succeeded(Kind.CREATE)
    assert health.closed(Kind.CREATE) is None


async def test_a_success_of_another_kind_does_not_open_a_kind_that_always_fails() -> None:
    health = Health(Service(answers=True).is_answering)
    for _ in range(TOLERATED + 1):
        await health.failed(Kind.CREATE, failure())
        health.succeeded(Kind.UPDATE)
    assert health.closed(Kind.CREATE)


async def test_the_service_is_asked_again_only_now_and_then() -> None:
    service = Service(answers=True)
    health = Health(service.is_answering)
    for _ in range(3 * PROBED_EVERY):
        await health.failed(Kind.UPDATE, failure())
    assert service.asked == 3


async def test_a_service_that_dies_in_the_middle_is_noticed_within_some_failures() -> None:
    service = Service(answers=True)
    health = Health(service.is_answering)
    await health.failed(Kind.UPDATE, failure())
    service.answers = False
    for _ in range(PROBED_EVERY - 1):
        await health.failed(Kind.UPDATE, failure())
    with pytest.raises(ServiceDownError):
        await health.failed(Kind.UPDATE, failure())


async def test_as_many_failures_in_a_row_as_are_tolerated_close_nothing_even_after_a_success() -> None:
    health = Health(Service(answers=True).is_answering)
    for _ in range(2):
        for _ in range(TOLERATED):
            await health.failed(Kind.CREATE, failure())
        assert health.closed(Kind.CREATE) is None
        health.succeeded(Kind.CREATE)


async def test_after_a_success_the_first_failure_has_the_service_asked() -> None:
    service = Service(answers=True)
    health = Health(service.is_answering)
    for _ in range(2):
        await health.failed(Kind.CREATE, failure())
        await health.failed(Kind.CREATE, failure())
        health.succeeded(Kind.CREATE)
    assert service.asked == 2
