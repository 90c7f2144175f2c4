"""What is written for the user of the pipeline alone is so for the kernel too, whatever the umask says."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline_tests.conftest import Pipeline

OTHER = "nobody"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter and look into; those of pytest are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="polar-attio-"))
    folder.chmod(0o755)
    before = os.umask(0)
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


@pytest.fixture
def files(pipeline: Pipeline, public: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A ledger and a plan, both with an address in them."""
    for name, value in {
        "POLAR_API_URL": pipeline.settings.polar_api_url,
        "ATTIO_API_URL": pipeline.settings.attio_api_url,
        "POLAR_REQUESTS_PER_MINUTE": "100000",
        "POLAR_ATTIO_DATABASE_URL": str(public / "ledger.db"),
    }.items():
        monkeypatch.setenv(name, value)
    pipeline.add("zaphod")
    for command in (("plan", "--out", str(public / "plan.json")), ("sync",)):
        assert CliRunner().invoke(app, command).exit_code == 0
    made = sorted(public.iterdir())
    assert {file.name for file in made} >= {"ledger.db", "plan.json"}
    assert b"zaphod@example.com" in (public / "plan.json").read_bytes()
    return made


def test_only_their_user_may_read_or_write_them(files: list[Path]) -> None:
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in files} == {file.name: "0o600" for file in files}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to read them as another user")
def test_another_user_of_the_machine_gets_nothing_of_them(files: list[Path], public: Path) -> None:
    pwd.getpwnam(OTHER)
    (public / "open").touch(0o644)

    def read(file: Path) -> int:
        return subprocess.run(["cat", file], user=OTHER, cwd="/", capture_output=True, check=False).returncode

    assert read(public / "open") == 0, "the folder itself is no hindrance"
    assert {read(file) for file in files} == {1}
