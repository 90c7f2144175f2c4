"""Changes the rules in one place at a time and tells which changes no test notices: `make mutants`."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from polar_attio_pipeline_tests.mutants.running import copy, run
from polar_attio_pipeline_tests.mutants.scores import End, Score, read, report
from polar_attio_pipeline_tests.mutants.suites import SUITES, Suite

FOLDER = Path("mutants")

_NOT_FAILED = (End.SURVIVED, End.UNTESTED, End.TIMED_OUT)
"""What is run again with --survivors. A test that did not end may have run on a busy machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run suites and print what became of each module's mutants.

    Returns:
        The exit code: 0 if mutmut ran each suite to its end.
    """
    given = _parse(arguments)
    chosen = [suite for suite in SUITES if suite.name in given.suites or not given.suites]
    failed = [suite.name for suite in chosen if not given.report and not _ran(suite, given)]
    sys.stdout.write(f"{report(score for suite in chosen for score in _scores(suite))}\n")
    if failed:
        sys.stderr.write(f"mutmut did not come to its end for: {', '.join(failed)}\n")
    return 1 if failed else 0


def _ran(suite: Suite, given: argparse.Namespace) -> bool:
    folder = FOLDER / suite.name
    names = []
    if given.survivors:
        names = [name for score in _scores(suite) for end in _NOT_FAILED for name in score.named(end)]
        if not names:
            return True
    if not given.survivors and not given.resume:
        shutil.rmtree(folder, ignore_errors=True)
    copy(Path.cwd(), suite, folder)
    return run(folder, names, given.children) == 0


def _scores(suite: Suite) -> list[Score]:
    return read(FOLDER / suite.name / "mutants")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(suite.name for suite in SUITES)}")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes that run tests")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="keep the results of a run that was stopped")
    how.add_argument("--survivors", action="store_true", help="run those again for which no test failed")
    how.add_argument("--report", action="store_true", help="run nothing, show the results that are there")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.suites) - {suite.name for suite in SUITES})
    if unknown:
        parser.error(f"there is no suite {', '.join(unknown)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
