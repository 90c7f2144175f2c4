"""A program that crashes where it holds the token: what it leaves shows where it was, and no value."""

import os
import subprocess
import sys

import pytest

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline_tests.security.odd import SENDABLE, leaks, secret

TOKEN = secret(SENDABLE)

CRASHING = """
import faulthandler
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.http import connection

def bug():
    {bug}

connection._trust = bug
app(["doctor"])
"""


@pytest.mark.parametrize(
    ("bug", "left"), [("1 / 0", "ZeroDivisionError"), ("faulthandler._sigsegv()", "Fatal Python error")]
)
@pytest.mark.usefixtures("clean_environment")
def test_neither_a_traceback_nor_a_dump_of_the_stacks_shows_a_token(bug: str, left: str) -> None:
    environment = {
        **os.environ,
        "POLAR_ACCESS_TOKEN": TOKEN,
        "ATTIO_API_KEY": TOKEN,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    crashed = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CRASHING.format(bug=bug)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert crashed.returncode != 0
    assert left in crashed.stderr
    assert "in open_pool" in crashed.stderr, "it crashed where the token is a variable"
    assert leaks(crashed.stderr + crashed.stdout, TOKEN) == []


def test_a_bug_in_a_command_is_shown_without_the_values_of_variables() -> None:
    assert app.pretty_exceptions_enable is False
