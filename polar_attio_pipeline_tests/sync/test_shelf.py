import pytest

from polar_attio_pipeline.sync.shelf import Shelf


def test_it_is_a_mapping() -> None:
    shelf: Shelf[tuple[int, str]] = Shelf()
    shelf["a"] = (1, "first")
    shelf["b"] = (2, "second")
    shelf["a"] = (3, "replaced")
    assert dict(shelf) == {"a": (3, "replaced"), "b": (2, "second")}
    del shelf["a"]
    assert (len(shelf), "a" in shelf, shelf.get("a")) == (1, False, None)
    with pytest.raises(KeyError):
        shelf["a"]


def test_the_newest_are_taken_first_and_are_gone_then() -> None:
    shelf: Shelf[int] = Shelf()
    shelf.update({"a": 1, "b": 2, "c": 3})
    assert shelf.take(2) == [3, 2]
    assert shelf.take(2) == [1]
    assert shelf.take(2) == []


def test_what_is_too_much_for_memory_is_as_good_on_disk() -> None:
    shelf: Shelf[bytes] = Shelf()
    megabyte = bytes(1024 * 1024)
    for number in range(8):
        shelf[str(number)] = megabyte + str(number).encode()
    assert [shelf[str(number)][len(megabyte) :] for number in (7, 0, 4)] == [b"7", b"0", b"4"]
