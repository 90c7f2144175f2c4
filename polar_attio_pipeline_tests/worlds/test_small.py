"""The reduced worlds are all worlds, each once."""

import pytest

from polar_attio_pipeline_tests.worlds import small
from polar_attio_pipeline_tests.worlds.small import NOBODY, STRANGER, TYPED, UNSET, A, B, Someone, World, reduced


@pytest.mark.parametrize(("customers", "people"), [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)])
def test_every_world_is_a_reduced_one_under_other_names(customers: int, people: int) -> None:
    reduced_worlds = {world for book in small.books(customers) for world in small.small_worlds(book, people)}

    assert {reduced(world) for world in small.all_worlds(customers, people)} == reduced_worlds


def test_each_reduced_world_comes_once_and_their_number_is_known_beforehand() -> None:
    for book in (*small.books(1), *small.books(2), (A, B, A)):
        worlds = list(small.small_worlds(book, 2))

        assert len(worlds) == len(set(worlds)) == small.number_of_worlds(book, 2)
        assert all(reduced(world) == world for world in worlds)


def test_the_numbers_in_the_documentation() -> None:
    books = [book for customers in (1, 2, 3) for book in small.books(customers)]

    assert small.__doc__ is not None
    assert f"{small.number_of_all_worlds(3, 3):,}" in small.__doc__
    assert f"{sum(small.number_of_worlds(book, 3) for book in books):,}" in small.__doc__


@pytest.mark.parametrize(
    ("world", "same"),
    [
        (
            World((B, A), (Someone(B, 1, TYPED, UNSET), Someone(A, 2, UNSET, UNSET))),
            World((A, B), (Someone(A, 1, TYPED, UNSET), Someone(B, 2, UNSET, UNSET))),
        ),
        (
            World((A,), (Someone(A, 1, UNSET, UNSET), Someone(0, NOBODY, TYPED, TYPED), Someone(B, STRANGER, 0, 0))),
            World((A,), (Someone(A, 1, UNSET, UNSET),)),
        ),
        (
            World((A,), (Someone(A | B, STRANGER, UNSET, UNSET),)),
            World((A,), (Someone(A, STRANGER, UNSET, UNSET),)),
        ),
    ],
    ids=["addresses have other names", "a person whom no search finds", "an address that no customer has"],
)
def test_what_makes_no_difference_is_left_out(world: World, same: World) -> None:
    assert reduced(world) == same
