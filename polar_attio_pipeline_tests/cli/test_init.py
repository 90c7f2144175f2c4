"""`polar-attio init`: a folder in which the pipeline runs, and files of a person that stay as they are."""

import os
import resource
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
NAMES = {".env", ".gitignore", "dagster.yaml", "workspace.yaml"}

pytestmark = pytest.mark.usefixtures("clean_environment")


def init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments], env={"COLUMNS": "400"})


def said_of(result: Result, name: str) -> str:
    lines = (line.split() for line in result.stdout.splitlines())
    (words,) = (words for words in lines if words[1:2] == [name])
    return " ".join(words)


def test_it_writes_the_files_of_the_repository_into_a_new_folder_and_says_what_comes_next(tmp_path: Path) -> None:
    made = init("some/folder")

    folder = tmp_path / "some" / "folder"
    assert made.exit_code == 0
    assert {file.name for file in folder.iterdir()} == NAMES
    for name, original in (
        ("dagster.yaml", "dagster.yaml"),
        ("workspace.yaml", "workspace.yaml"),
        (".env", ".env.example"),
    ):
        assert (folder / name).read_text() == (ROOT / original).read_text()
    assert "  cd some/folder\n  polar-attio dev " in made.stdout


def test_only_its_user_can_read_the_file_for_tokens_whatever_the_umask() -> None:
    before = os.umask(0)
    try:
        made = init()
    finally:
        os.umask(before)

    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("dagster.yaml").stat().st_mode) == 0o666
    assert said_of(made, ".env") == "written .env for your tokens; only you can read it"
    assert "cd " not in made.stdout


def test_git_ignores_what_git_ignores_in_the_repository_and_the_tokens_among_it() -> None:
    init()

    ignored = Path(".gitignore").read_text().splitlines()
    assert {".env", ".state/"} <= set(ignored) <= set((ROOT / ".gitignore").read_text().splitlines())


def test_the_settings_that_it_writes_are_the_defaults() -> None:
    init()

    assert Settings().model_dump() == Settings(_env_file=None).model_dump()


def test_repeated_it_changes_nothing(tmp_path: Path) -> None:
    init()
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()}

    again = init()

    assert again.exit_code == 0
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()} == before
    assert said_of(again, "dagster.yaml") == "kept dagster.yaml nothing to do"
    assert said_of(again, ".gitignore") == "kept .gitignore nothing to do"
    assert said_of(again, ".env").startswith("kept .env stays as it is")


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        (".env", 0o600, "kept .env stays as it is; polar-attio init --show .env prints every setting"),
        (".env", 0o644, "warn .env stays as it is; other users of this machine can read it: chmod 600 .env"),
        (
            "dagster.yaml",
            0o644,
            "kept dagster.yaml stays as it is; polar-attio init --show dagster.yaml prints the one of this version",
        ),
        (
            "workspace.yaml",
            0o644,
            "kept workspace.yaml stays as it is; polar-attio init --show workspace.yaml prints the one of this version",
        ),
        (
            ".gitignore",
            0o644,
            "warn .gitignore stays as it is; add lines to it: .env .state/ .logs_queue/ logs/",
        ),
    ],
)
def test_a_file_of_a_person_stays_and_it_is_said_what_there_is_to_do(name: str, mode: int, said: str) -> None:
    file = Path(name)
    file.write_text("# mine\n")
    file.chmod(mode)

    made = init()

    assert made.exit_code == 0
    assert file.read_text() == "# mine\n"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert said_of(made, name) == said
    assert all(Path(other).is_file() for other in NAMES)


def test_one_file_can_be_shown_without_a_write(tmp_path: Path) -> None:
    shown = init("--show", "dagster.yaml")

    assert shown.stdout == (ROOT / "dagster.yaml").read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_there_is_none_of_is_refused_with_those_that_there_are() -> None:
    refused = init("--show", "dagster.yml")

    assert refused.exit_code == 1
    assert refused.stderr == (
        "There is no file dagster.yml to show: it is one of dagster.yaml, workspace.yaml, .env, .gitignore.\n"
    )


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file\n")

    refused = init("taken/folder")

    assert refused.exit_code == 1
    assert refused.stderr == (
        "taken/folder cannot be written (Not a directory): choose another folder, or mend that.\n"
    )


def test_a_file_that_could_not_be_written_to_its_end_is_not_left_in_part(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        refused = init()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert refused.exit_code == 1
    assert refused.stderr == ". cannot be written (File too large): choose another folder, or mend that.\n"
    assert list(tmp_path.iterdir()) == []
