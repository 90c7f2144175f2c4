"""Known weaknesses of dependencies, by pip-audit; and whether it could be asked at all.

pip-audit calls it a success when the index that it asks knows no advisories, such as a mirror: it lists the packages as
skipped. Here that is a failure.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEAK, UNKNOWN = 1, 2

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it.

    Attributes:
        text: For people.
        exit_code: 0 when every package was asked about and none is weak, 1 when one is, 2 when it is not known.
    """

    text: str
    exit_code: int = 0


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


def audit(pinned: Path, run: Run = _run) -> Audit:
    """Ask about every pinned version of a file.

    Args:
        pinned: Lines such as httpx==0.28.1.
        run: Runs pip-audit.
    """
    # Nothing is installed or resolved: each line is a version already.
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pinned), "--no-deps", "--disable-pip"]
    done = run([*command, "--format", "json", "--progress-spinner", "off"])
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Audit(f"Nothing was audited: pip-audit could not ask the advisory service ({why}).", UNKNOWN)
    weak = [f"{one['name']} {one['version']}: {advice(one['vulns'])}" for one in packages if one.get("vulns")]
    unasked = [one["name"] for one in packages if "skip_reason" in one]
    if weak:
        return Audit("\n".join(["Known weaknesses:", *weak]), WEAK)
    if unasked or not packages:
        return Audit(
            f"{len(unasked)} of {len(packages)} packages could not be audited: the index answers, and has no "
            f"advisories of {', '.join(unasked[:3]) or 'any'}. Ask PyPI itself, not a mirror.",
            UNKNOWN,
        )
    return Audit(f"No weakness is known of {len(packages)} packages.")


def advice(weaknesses: Sequence[dict[str, Any]]) -> str:
    """Return the names of weaknesses, and in which versions they are mended."""
    return "; ".join(f"{one['id']}, mended in {', '.join(one['fix_versions']) or 'none yet'}" for one in weaknesses)
