"""All small worlds and many seeded ones as a program: `make worlds`; exits 1 if a promise is broken in any of them."""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from polar_attio_pipeline_tests.worlds import exploring, report, small, story
from polar_attio_pipeline_tests.worlds.exploring import Tally, explore
from polar_attio_pipeline_tests.worlds.report import Explored
from polar_attio_pipeline_tests.worlds.story import Account, tried

MOST = 3

CHUNK = 5
LINE = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Go through the worlds and print tables of them.

    Returns:
        The exit code: 0 if no promise is broken.
    """
    given = _parse(arguments)
    # Sets of strings come in another order in each process unless told otherwise; and all work is done in new ones.
    os.environ["PYTHONHASHSEED"] = "0"
    if given.customers:
        _small(given)
    broken = _seeded(given) if given.seeds else []
    for promise in broken:
        _say(f"not as promised: {promise}")
    return 1 if broken else 0


def _small(given: argparse.Namespace) -> None:
    began = time.monotonic()
    explored = [
        Explored(customers, given.people, reconciles, sum(_explored(given, customers, reconciles), Tally()))
        for reconciles in (False, True)
        for customers in range(1, given.customers + 1)
    ]
    _say(f"Small worlds, {time.monotonic() - began:.0f} s\n\n{report.small_table(explored)}")


def _explored(given: argparse.Namespace, customers: int, reconciles: bool) -> Iterator[Tally]:
    books = small.books(customers)[::-1]
    with _processes(given) as pool:
        done = pool.map(explore, books, repeat(given.people), repeat(reconciles))
        for book, tally in zip(books, done, strict=True):
            sys.stderr.write(f"{book}: {tally.worlds} worlds\n")
            yield tally


def _seeded(given: argparse.Namespace) -> list[str]:
    """Live through seeded worlds; return the promises that were broken."""
    began = time.monotonic()
    accounts: list[Account] = []
    broken: list[str] = []
    seeds = range(given.first, given.first + given.seeds)
    with _processes(given) as pool:
        for number, account in enumerate(pool.map(tried, seeds, chunksize=CHUNK), start=1):
            if isinstance(account, str):
                broken.append(account)
            else:
                accounts.append(account)
            if number % LINE == 0:
                sys.stderr.write(f"{number} seeds\n")
    _say(f"Seeded worlds, {time.monotonic() - began:.0f} s\n\n{report.seeded_table(accounts)}")
    return broken


def _processes(given: argparse.Namespace) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([exploring.__name__, story.__name__])
    return ProcessPoolExecutor(given.jobs, mp_context=context)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m polar_attio_pipeline_tests.worlds", description=__doc__)
    parser.add_argument("--customers", type=int, default=MOST, help="of small worlds, at most; 0 for no small worlds")
    parser.add_argument("--people", type=int, default=MOST, help="of small worlds, at most")
    parser.add_argument("--seeds", type=int, default=1200, help="how many seeded worlds; 0 for none")
    parser.add_argument("--first", type=int, default=1, help="the first seed; the same seed gives the same world")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="worlds at the same time")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
