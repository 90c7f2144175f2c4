"""A sorted list that is read while others write to it, and while Attio fails to show some of its records."""

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.attio.isolation import MOST_REQUESTS, Record
from polar_attio_pipeline.attio.sorted_pages import PAGE, SortedPages
from polar_attio_pipeline.http.errors import LostAnswerError, TransientError

FOR_ONE = 40
"""Requests that one broken record may cost at most."""


def error(status: int) -> TransientError:
    return LostAnswerError("Attio is failing.", service="Attio", request="POST /query", status=status)


class Listing:
    """A list of numbered records, of which some cannot be shown.

    Attributes:
        numbers: The records, in their order.
        broken: Those that cannot be shown.
        asked: Offset and limit of each request.
        attempts: How many attempts a lost answer was worth, of each request.
        before: Acts before a request is answered.
        is_down: Whether Attio fails for everything.
    """

    def __init__(self, count: int, broken: set[int] | None = None) -> None:
        self.numbers = list(range(count))
        self.broken = broken or set()
        self.asked: list[tuple[int, int]] = []
        self.attempts: list[int | None] = []
        self.insisted = 0
        self.before: Callable[[int], None] = lambda _: None
        self.is_down = False

    async def fetch(self, offset: int, limit: int, attempts: int | None) -> list[Record]:
        self.asked.append((offset, limit))
        self.attempts.append(attempts)
        self.before(len(self.asked))
        page = self.numbers[offset : offset + limit]
        if self.is_down or self.broken.intersection(page):
            raise error(500)
        return [{"id": {"record_id": str(number)}} for number in page]

    async def insist(self) -> None:
        self.insisted += 1
        if self.is_down:
            raise error(500)

    async def read(self, *, expected: int = 0) -> list[int]:
        """Read the list around what cannot be shown; ahead, as far as it is expected to reach."""
        reading = SortedPages(
            self.fetch, what="marked people", unsteady=self.unsteady, insist=self.insist, expected=expected
        )
        return [int(record["id"]["record_id"]) async for page in reading.pages() for record in page]

    def unsteady(self, seen: int) -> TransientError:
        return TransientError(f"Unsteady after {seen}.", service="Attio", request="POST /query")


@given(st.data())
async def test_each_sound_record_is_read_once_and_in_order_whichever_are_broken(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 1600))
    broken = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    listing = Listing(count, broken)

    assert await listing.read() == [number for number in range(count) if number not in broken]
    assert len(listing.asked) <= count // (PAGE - 1) + 1 + FOR_ONE * len(broken)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({0}, "number 1 of its marked people, oldest first (after record none, before record 1)"),
        ({777}, "number 778 of its marked people, oldest first (after record 776, before record 778)"),
        (
            {777, 778},
            "one of the numbers 778 to 779 of its marked people, oldest first (after record 776, before record 7",
        ),
        ({1199}, "number 1200 of its marked people, oldest first (after record 1198, before record none)"),
    ],
)
async def test_what_is_left_out_is_named_by_its_place_and_its_neighbours(
    broken: set[int], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    await Listing(1200, broken).read()

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert named in caplog.text


async def test_the_neighbours_are_right_after_the_reading_went_back(caplog: pytest.LogCaptureFixture) -> None:
    listing = Listing(1500, {0})

    def vanish(number: int) -> None:
        if number == 8:
            listing.numbers.remove(5)

    listing.before = vanish

    await listing.read()

    assert caplog.text.count("number 1 of its marked people, oldest first (after record none, before record 1)") == 2


async def test_a_list_of_which_nothing_can_be_shown_is_read_to_its_end() -> None:
    assert await Listing(3, {0, 1, 2}).read() == []


async def test_more_broken_records_than_can_be_isolated_cost_the_pages_around_them_and_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = set(range(0, 40_000, 900))
    listing = Listing(40_000, broken)

    found = await listing.read()

    assert found == sorted(set(found)), "each once, in order"
    assert not broken.intersection(found)
    assert len(listing.asked) <= MOST_REQUESTS + 10 + 4 * (40_000 // (PAGE - 1))
    assert "one of the numbers" in caplog.text


async def test_an_attio_that_fails_for_everything_is_down_and_nothing_is_isolated() -> None:
    listing = Listing(1000)
    listing.is_down = True

    with pytest.raises(TransientError, match="Attio is failing"):
        await listing.read()

    assert len(listing.asked) == 1


async def test_an_attio_that_goes_down_while_a_record_is_isolated_is_down() -> None:
    listing = Listing(1000, {700})

    def go_down(number: int) -> None:
        listing.is_down = listing.is_down or number == 5

    listing.before = go_down

    with pytest.raises(TransientError, match="Attio is failing"):
        await listing.read()

    assert len(listing.asked) <= 10


async def test_an_attio_that_answers_other_searches_but_no_list_is_given_up() -> None:
    listing = Listing(100_000, set(range(100_000)))

    with pytest.raises(TransientError, match="Attio is failing"):
        await listing.read()

    assert len(listing.asked) <= MOST_REQUESTS + 10


async def test_a_failure_that_cannot_lie_in_a_record_is_not_read_around() -> None:
    listing = Listing(10)

    def throttle(_: int) -> None:
        raise TransientError("Slower.", service="Attio", request="POST /query", status=429)

    listing.before = throttle

    with pytest.raises(TransientError):
        await listing.read()

    assert len(listing.asked) == 1


async def test_where_failures_are_not_to_be_read_around_the_first_one_is_raised() -> None:
    listing = Listing(1000, {700})
    reading = SortedPages(listing.fetch, what="people", unsteady=listing.unsteady)

    with pytest.raises(TransientError, match="Attio is failing"):
        [_ async for _ in reading.pages()]

    assert listing.attempts == [None, None], "within the usual bounds"


async def test_patience_is_for_the_first_failure_and_for_a_record_before_it_is_left_out() -> None:
    listing = Listing(500, {0})

    await listing.read()

    asked = [limit for _, limit in listing.asked]
    assert list(zip(asked, listing.attempts, strict=True)) == [
        (500, None),
        (100, 1),
        (20, 1),
        (4, 1),
        (1, 3),
        (500, 1),
        (1, 1),
    ]


async def test_a_page_behind_a_whole_one_that_was_read_has_all_the_patience_again() -> None:
    listing = Listing(2000, {0})

    await listing.read()

    whole = [attempts for (_, limit), attempts in zip(listing.asked, listing.attempts, strict=True) if limit == PAGE]
    assert whole[:2] == [None, 1]
    assert set(whole[2:]) == {None}


async def test_forty_broken_records_side_by_side_are_left_out_together(caplog: pytest.LogCaptureFixture) -> None:
    listing = Listing(3000, set(range(700, 740)))

    found = await listing.read()

    assert set(found) >= set(range(700)) | set(range(1400, 3000))
    assert len(caplog.records) == 1


async def test_a_failure_that_passes_leaves_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    listing = Listing(2000)

    def fail_at_times(number: int) -> None:
        listing.broken = {number * 97 % 2000} if number % 3 == 2 else set()

    listing.before = fail_at_times

    assert await listing.read() == list(range(2000))
    assert caplog.text == ""


async def test_after_a_failure_that_passes_pages_are_whole_again() -> None:
    listing = Listing(20_000, {700})

    def mend(number: int) -> None:
        if number == 4:
            listing.broken.clear()

    listing.before = mend

    assert len(await listing.read()) == 20_000
    assert len(listing.asked) <= 20_000 // (PAGE - 1) + 1 + 15


@pytest.mark.parametrize("at", range(1, 40))
@pytest.mark.parametrize(
    ("broken", "vanishing"),
    [
        ({700}, {0}),
        ({700}, {600}),
        ({700}, {699}),
        ({700}, {700}),
        ({700}, {701}),
        ({700, 702}, {0, 1}),
        ({0}, {5, 6, 7}),
        ({0, 3}, {1, 2}),
    ],
)
async def test_no_record_is_skipped_when_others_vanish_while_a_broken_one_is_isolated(
    at: int, broken: set[int], vanishing: set[int]
) -> None:
    listing = Listing(1500, broken)

    def vanish(number: int) -> None:
        if number == at:
            listing.numbers = [one for one in listing.numbers if one not in vanishing]

    listing.before = vanish

    found = await listing.read()

    assert set(found) >= set(range(1500)) - broken - vanishing
    assert len(found) == len(set(found))


@pytest.mark.parametrize("at", range(1, 40))
async def test_no_record_is_skipped_when_the_broken_one_is_mended_meanwhile(at: int) -> None:
    listing = Listing(1500, {700})

    def mend(number: int) -> None:
        if number == at:
            listing.broken.clear()

    listing.before = mend

    assert set(await listing.read()) >= set(range(1500)) - {700}
