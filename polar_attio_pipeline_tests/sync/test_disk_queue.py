import pytest

from polar_attio_pipeline.sync.disk_queue import DiskQueue


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


def test_the_newest_are_taken_first_and_are_gone_then() -> None:
    queue: DiskQueue[int] = DiskQueue()
    queue.update({"a": 1, "b": 2, "c": 3})
    assert queue.take(2) == [3, 2]
    assert queue.take(2) == [1]
    assert queue.take(2) == []


def test_what_is_too_much_for_memory_is_as_good_on_disk() -> None:
    queue: DiskQueue[bytes] = DiskQueue()
    megabyte = bytes(1024 * 1024)
    for number in range(8):
        queue[str(number)] = megabyte + str(number).encode()
    assert [queue[str(number)][len(megabyte) :] for number in (7, 0, 4)] == [b"7", b"0", b"4"]
