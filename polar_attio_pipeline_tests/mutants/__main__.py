"""Prints the scores of the newest run of mutmut: `python -m polar_attio_pipeline_tests.mutants`."""

import sys
from pathlib import Path

from polar_attio_pipeline_tests.mutants.scores import read, report

if __name__ == "__main__":
    sys.stdout.write(f"{report(read(Path('mutants')))}\n")
