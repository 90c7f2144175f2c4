"""Asks the advisory service about every version in constraints.txt: `make audit`."""

import sys
from pathlib import Path

from polar_attio_pipeline_tests.release.audit import audit

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"

if __name__ == "__main__":
    found = audit(CONSTRAINTS)
    print(found.text)  # noqa: T201  # a command's answer
    sys.exit(found.exit_code)
