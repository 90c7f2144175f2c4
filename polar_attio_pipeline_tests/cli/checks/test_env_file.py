"""A file with tokens that others can read is named, with the command that ends it."""

from pathlib import Path

import pytest

from polar_attio_pipeline.cli.checks.env_file import env_file
from polar_attio_pipeline.cli.checks.finding import Level


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text("ATTIO_API_KEY=key\n")
    return file


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_that_others_may_read_or_write_is_named_with_what_to_do(file: Path, mode: int) -> None:
    file.chmod(mode)

    (finding,) = env_file(file)

    assert finding.level is Level.WARN
    assert finding.text.endswith(f"chmod 600 {file}")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_of_a_private_file_and_of_none_there_is_nothing_to_say(file: Path, mode: int) -> None:
    file.chmod(mode)

    assert list(env_file(file)) == []
    assert list(env_file(file.with_name("absent"))) == []


def test_a_link_is_judged_by_the_file_that_it_leads_to(file: Path) -> None:
    file.chmod(0o644)
    link = file.with_name("link")
    link.symlink_to(file)

    assert len(list(env_file(link))) == 1
