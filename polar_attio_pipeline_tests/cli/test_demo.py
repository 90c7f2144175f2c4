"""`polar-attio demo`: what a newcomer starts first."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.slow
def test_the_demo_ends_well_and_its_last_lines_tell_what_it_did(tmp_path: Path) -> None:
    # As on a server of ours: the demo takes nothing from there.
    secret = tmp_path.with_suffix(".secret")
    secret.write_text("polar_oat_of_a_real_organization")
    shown = subprocess.run(
        [Path(sys.executable).with_name("polar-attio"), "demo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "POLAR_ACCESS_TOKEN_FILE": str(secret)},
    )

    assert shown.returncode == 0, shown.stderr
    last = shown.stdout.splitlines()[-6:]
    first, newest, second = (
        {name: int(number) for name, number in re.findall(r"(\w+) +(\d+)(?: |$)", line)}
        for line in last
        if " created " in line
    )
    assert sum(first.values()) == 300
    assert first["created"] > 200
    assert newest["created"] == 1
    assert (second["created"], second["updated"]) == (0, 0)
    assert second["unchanged"] == first["created"] + first["updated"] + newest["created"]
    assert "polar-attio init FOLDER, and polar-attio dev FOLDER starts" in last[-1]
    assert list(tmp_path.iterdir()) == []
