"""Changes the rules in one place at a time and tells which changes no test notices: `make mutants`."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from polar_attio_pipeline_tests.mutants.running import copy, run
from polar_attio_pipeline_tests.mutants.scores import End, Score, read, report

FOLDER = Path("mutants")
"""A copy of the project; what mutmut leaves is in its folder of the same name."""

_NOT_FAILED = (End.SURVIVED, End.UNTESTED, End.TIMED_OUT)
"""What is run again with --survivors. A test that did not end may have run on a busy machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mutmut and print what became of each module's mutants.

    Returns:
        The exit code: 0 if mutmut came to its end.
    """
    given = _parse(arguments)
    ended = given.report or _ran(given)
    sys.stdout.write(f"{report(_scores())}\n")
    if not ended:
        sys.stderr.write("mutmut did not come to its end\n")
    return 0 if ended else 1


def _ran(given: argparse.Namespace) -> bool:
    names = []
    if given.survivors:
        names = [name for score in _scores() for end in _NOT_FAILED for name in score.named(end)]
        if not names:
            return True
    if not given.survivors and not given.resume:
        shutil.rmtree(FOLDER, ignore_errors=True)
    copy(Path.cwd(), FOLDER)
    return run(FOLDER, names, given.children) == 0


def _scores() -> list[Score]:
    return read(FOLDER / "mutants")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes that run tests")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="keep the results of a run that was stopped")
    how.add_argument("--survivors", action="store_true", help="run those again for which no test failed")
    how.add_argument("--report", action="store_true", help="run nothing, show the results that are there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
