"""`python -m polar_attio_pipeline_tests.benchmarks`: run the cases, print one table, keep it as JSON and as a page."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from polar_attio_pipeline_tests.benchmarks import cases, changes, imports, instance
from polar_attio_pipeline_tests.benchmarks.figures import Figure, as_json, from_json, table
from polar_attio_pipeline_tests.benchmarks.page import write_page

CASES: dict[str, Callable[..., Iterator[Figure]]] = {
    "import": imports.first_import,
    "hours": cases.hours,
    "reconciliation": cases.reconciliation,
    "paying": cases.paying,
    "backfill": cases.backfill,
    "lookups": cases.lookups,
    "costs of changes": changes.costs,
    "runs": instance.runs,
    "year": instance.year,
    "changes": changes.latencies,
    "million": cases.million,
    "large import": imports.large_import,
}

_ONLY_BY_NAME = ("changes", "million", "large import")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for; ends with 1 if a target was missed or a case failed, which costs no other its figures."""
    parser = argparse.ArgumentParser(prog="python -m polar_attio_pipeline_tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small books, no limits: shows that it works, in a minute")
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--keep", type=Path, help="take the figures of cases that are not run from this JSON file")
    parser.add_argument("--docs", type=Path, help="write table and plots into the page in this folder")
    given = parser.parse_args(arguments)
    names = given.case or [name for name in CASES if name not in _ONLY_BY_NAME]
    figures: list[Figure] = []
    failed: list[str] = []
    for name in names:
        began = time.monotonic()
        try:
            figures += CASES[name](quick=given.quick)
        except Exception:  # noqa: BLE001  # the figures of the other cases took minutes each
            failed.append(name)
            traceback.print_exc()
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    if given.keep:
        measured = {figure.case for figure in figures}
        figures = [figure for figure in from_json(given.keep.read_text()) if figure.case not in measured] + figures
    sys.stdout.write(table(figures) + "\n")
    if given.json:
        given.json.write_text(as_json(figures))
    if given.docs:
        write_page(given.docs, figures)
    missed = [figure for figure in figures if figure.met is False]
    if missed or failed:
        sys.exit(f"{len(missed)} of the targets were missed. Cases that failed: {', '.join(failed) or 'none'}.")


if __name__ == "__main__":
    main()
