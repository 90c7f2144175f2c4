"""Secrets in files, as Docker, Kubernetes and systemd hand them over."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsError
from typer.testing import CliRunner

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.setting_files import file_names
from polar_attio_pipeline.settings import Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
TOKEN = "polar_oat_from_a_file"

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a token, as an editor leaves it."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@contextmanager
def refused() -> Iterator[list[str]]:
    """Take the sentence of an error that holds no secret."""
    said: list[str] = []
    with pytest.raises(SettingsError) as error:
        yield said
    said.append(str(error.value))
    assert TOKEN not in said[0]


def test_every_secret_and_nothing_else_can_be_in_a_file() -> None:
    assert {name.upper() for name in file_names(Settings.model_fields).values()} == {
        "POLAR_ACCESS_TOKEN_FILE",
        "ATTIO_API_KEY_FILE",
        "POLAR_ATTIO_DATABASE_URL_FILE",
        "POLAR_ATTIO_ALERT_URLS_FILE",
    }


def test_the_example_names_the_variable_of_each_file() -> None:
    text = EXAMPLE.read_text()

    assert [name for name in file_names(Settings.model_fields).values() if name.upper() not in text] == []


@pytest.mark.parametrize("secret", file_names(Settings.model_fields))
def test_a_secret_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, file: Path, secret: str) -> None:
    monkeypatch.setenv(f"{secret}_file".upper(), str(file))

    assert getattr(Settings(), secret).get_secret_value() == TOKEN
    assert Settings().secrets()[secret.upper()] == TOKEN


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n\r\n", "secret"),
        (b"\xef\xbb\xbfsecret\r\n", "secret"),
        (b"one\ntwo\n", "one\ntwo"),
        (b" se cret \n", " se cret "),
    ],
    ids=["bare", "a line", "of Windows", "with a byte order mark", "two lines", "with spaces"],
)
def test_only_line_breaks_at_the_end_are_left_out(
    monkeypatch: pytest.MonkeyPatch, file: Path, content: bytes, secret: str
) -> None:
    file.write_bytes(content)
    monkeypatch.setenv("POLAR_ATTIO_ALERT_URLS_FILE", str(file))

    assert Settings().polar_attio_alert_urls.get_secret_value() == secret


def test_the_alert_channels_may_stand_on_a_line_each(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("json://a\nmailto://b\n")
    monkeypatch.setenv("POLAR_ATTIO_ALERT_URLS_FILE", str(file))

    assert Settings().alert_urls() == ["json://a", "mailto://b"]


def test_a_relative_path_starts_at_the_working_folder_and_a_tilde_at_the_home(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", "token")
    monkeypatch.setenv("ATTIO_API_KEY_FILE", "~/token")
    monkeypatch.setenv("HOME", str(file.parent))

    assert Settings().polar_access_token.get_secret_value() == TOKEN
    assert Settings().attio_api_key.get_secret_value() == TOKEN


def test_a_link_is_followed_as_kubernetes_lays_them(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    link = file.parent / "link"
    link.symlink_to(file)
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", str(link))

    assert Settings().polar_access_token.get_secret_value() == TOKEN


def test_the_variable_may_stand_in_the_env_file_and_blank_values_count_as_not_set(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    (file.parent / ".env").write_text(f"POLAR_ACCESS_TOKEN=\nPOLAR_ACCESS_TOKEN_FILE={file}\nATTIO_API_KEY_FILE=\n")
    monkeypatch.setenv("ATTIO_API_KEY", "by value")

    assert Settings().polar_access_token.get_secret_value() == TOKEN
    assert Settings().attio_api_key.get_secret_value() == "by value"


def test_a_blank_variable_in_the_environment_switches_the_one_in_the_env_file_off(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    (file.parent / ".env").write_text(f"POLAR_ACCESS_TOKEN_FILE={file}\n")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", "")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "by value")

    assert Settings().polar_access_token.get_secret_value() == "by value"


def test_a_value_that_code_gives_wins_and_then_no_file_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", "/not/there")

    assert Settings(polar_access_token=SecretStr("given")).polar_access_token.get_secret_value() == "given"


def test_with_the_prefix_of_a_host_project_the_variable_has_it_too(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("ACME_POLAR_ACCESS_TOKEN_FILE", str(file))
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", "/of/the/host")

    assert Settings(_env_prefix="ACME_").polar_access_token.get_secret_value() == TOKEN

    monkeypatch.setenv("ACME_POLAR_ACCESS_TOKEN_FILE", "/not/there")
    with refused() as said:
        Settings(_env_prefix="ACME_")
    assert said[0].startswith("ACME_POLAR_ACCESS_TOKEN_FILE in the environment names a file /not/there that does not")


def test_a_secret_that_is_set_in_both_ways_is_refused_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    (file.parent / ".env").write_text("POLAR_ACCESS_TOKEN=polar_oat_by_value\n")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", str(file))

    with refused() as said:
        Settings()

    assert said == [
        "POLAR_ACCESS_TOKEN_FILE in the environment and POLAR_ACCESS_TOKEN in .env are both set: keep one of them"
    ]


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "that does not exist: correct the path, or create it"),
        (make_folder, "that is a folder: name the file in it"),
        (os.mkfifo, "that is a pipe or a device: name a file"),
        (make_loop, "that cannot be read (Too many levels of symbolic links): correct the path"),
        (lambda path: path.write_text(" \n\n"), "that is empty: write the secret into it"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "that holds no text in UTF-8: write the secret into it anew"),
        (
            lambda path: path.write_text(TOKEN * 5000),
            "that holds more than 64 KiB, so it is no secret: name another file",
        ),
    ],
    ids=["missing", "folder", "pipe", "loop", "empty", "binary", "large"],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: object, why: str
) -> None:
    path = tmp_path / "given"
    assert callable(make)
    make(path)
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", str(path))

    with refused() as said:
        Settings()

    assert said == [f"POLAR_ACCESS_TOKEN_FILE in the environment names a file {path} {why}"]


def test_a_file_that_this_user_may_not_read_is_named_with_the_user(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", str(file))

    def refuse(*_: object) -> int:
        # Root, as whom tests may run, may read every file.
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with refused() as said:
        Settings()

    assert said == [
        f"POLAR_ACCESS_TOKEN_FILE in the environment names a file {file} that the user with the number {os.geteuid()} "
        "may not read: give this user the right to"
    ]


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty", "/proc/self/mem"])
def test_reading_ends_and_says_something_whatever_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", name)

    with refused() as said:
        Settings()

    assert said[0].startswith(f"POLAR_ACCESS_TOKEN_FILE in the environment names a file {name} that ")


def test_a_secret_in_the_place_of_the_path_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", TOKEN)
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL_FILE", f"postgresql://me:{TOKEN}@db/ledger")

    with refused() as said:
        Settings()

    first, second = said[0].split("; ")
    assert first.startswith(
        f"POLAR_ACCESS_TOKEN_FILE in the environment names a file below the working folder {tmp_path}"
    )
    assert "it may be the secret itself: POLAR_ACCESS_TOKEN_FILE takes a path" in first
    assert second.startswith("POLAR_ATTIO_DATABASE_URL_FILE")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("POLAR_ACCESS_TOKEN_FIL", "POLAR_ACCESS_TOKEN_FILE"),
        ("POLAR_ATTIO_DATABASE_FILE", "POLAR_ATTIO_DATABASE_URL_FILE"),
        ("POLAR_API_URL_FILE", "POLAR_API_URL"),
    ],
)
def test_a_mistyped_name_gets_the_nearest_one(monkeypatch: pytest.MonkeyPatch, name: str, nearest: str) -> None:
    monkeypatch.setenv(name, "/run/secrets/x")

    with pytest.raises(
        SettingsError, match=rf"^{name} in the environment is no setting, the nearest one is {nearest}\b"
    ):
        Settings()


def test_what_is_shown_says_that_a_secret_is_from_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", str(file))
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL_FILE", str(file))
    monkeypatch.setenv("ATTIO_API_KEY", "by value")
    settings = Settings()

    shown = settings.shown()

    assert shown["POLAR_ACCESS_TOKEN"] == shown["POLAR_ATTIO_DATABASE_URL"] == "set, from a file"
    assert (shown["ATTIO_API_KEY"], shown["POLAR_ATTIO_ALERT_URLS"]) == ("set", "not set")
    assert TOKEN not in f"{settings!r} {settings} {shown} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_command_says_what_is_wrong_with_the_file_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN_FILE", "/run/secrets/polar")

    result = CliRunner().invoke(app, ["status"])

    assert result.exit_code == 1
    assert result.output == (
        "A setting is not usable: POLAR_ACCESS_TOKEN_FILE in the environment names a file /run/secrets/polar that does "
        "not exist: correct the path, or create it.\n"
    )
