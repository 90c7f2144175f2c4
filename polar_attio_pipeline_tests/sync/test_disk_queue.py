from decimal import Decimal

import pytest

from polar_attio_pipeline.sync.billing import billing
from polar_attio_pipeline.sync.disk_queue import DiskQueue
from polar_attio_pipeline.sync.records import CurrentValue, Customer, Owner, PersonName
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, SPRING, customer, person


def test_it_is_a_mapping() -> None:
    queue: DiskQueue[tuple[int, str]] = DiskQueue()
    queue["a"] = (1, "first")
    queue["b"] = (2, "second")
    queue["a"] = (3, "replaced")
    assert dict(queue) == {"a": (3, "replaced"), "b": (2, "second")}
    del queue["a"]
    assert (len(queue), "a" in queue, queue.get("a")) == (1, False, None)
    with pytest.raises(KeyError):
        queue["a"]


def test_the_first_values_are_kept_as_they_are_and_the_others_come_back_equal() -> None:
    ada, bob = customer(), customer(BOB, "bob@example.com", owner=Owner("o@example.com", None))
    queue: DiskQueue[Customer] = DiskQueue(in_memory=1)
    queue.update({ADA: ada, BOB: bob})

    assert queue[ADA] is ada
    assert queue[BOB] is not bob
    assert dict(queue) == {ADA: ada, BOB: bob}
    assert (ADA in queue, BOB in queue, "c" in queue) == (True, True, False)


def test_room_in_memory_is_used_again() -> None:
    first, second = customer(), customer(BOB, "bob@example.com")
    queue: DiskQueue[Customer] = DiskQueue(in_memory=1)
    queue[ADA] = first
    assert queue.pop(ADA) is first
    queue[BOB] = second
    assert queue[BOB] is second
    queue[BOB] = first
    assert (queue[BOB] is first, list(queue)) == (True, [BOB])


@pytest.mark.parametrize(
    "value",
    [
        PersonName("Ada", "Lovelace", "Ada Lovelace"),
        CurrentValue(Decimal("12.50"), "api-token"),
        person("p1", "ada@example.com", polar_customer=True, polar_customer_since=SPRING),
        customer(),
        billing((), (), now=SPRING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_value_of_the_core_comes_back_equal(value: object) -> None:
    queue: DiskQueue[object] = DiskQueue()
    queue["a"] = value
    queue["b"] = value

    assert [type(one) for one in queue.values()] == [type(value)] * 2
    assert list(queue.values()) == [value, value]


def test_what_is_too_much_for_memory_is_as_good_on_disk() -> None:
    queue: DiskQueue[bytes] = DiskQueue()
    megabyte = bytes(1024 * 1024)
    for number in range(8):
        queue[str(number)] = megabyte + str(number).encode()
    assert [queue[str(number)][len(megabyte) :] for number in (7, 0, 4)] == [b"7", b"0", b"4"]
