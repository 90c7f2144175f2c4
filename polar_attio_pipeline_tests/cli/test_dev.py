"""`polar-attio dev`: which services it runs against, where it keeps state, and that nothing is left when it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psutil
import pytest
import typer

from polar_attio_pipeline.cli import dev
from polar_attio_pipeline.cli.dev_dagster import Folders
from polar_attio_pipeline.cli.dev_processes import EndedError, Processes
from polar_attio_pipeline.cli.init import init
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN

INSTANCE = Path(__file__).parents[2] / "dagster.yaml"
PROGRAM = Path(sys.executable).with_name("polar-attio")
READY_SECONDS = 240
ENDED_SECONDS = 20

Started = list[tuple[Folders, dict[str, str], int]]


@pytest.fixture(autouse=True)
def folder(clean_environment: None, tmp_path: Path) -> Iterator[Path]:
    """A folder as `polar-attio init` makes it, and this process as it was afterwards."""
    init(tmp_path)
    handlers = {ending: signal.getsignal(ending) for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    with patch.dict(os.environ):
        yield tmp_path
    for ending, handler in handlers.items():
        signal.signal(ending, handler)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """In which folders, with which settings of its own and at which port Dagster would have been started."""
    calls: Started = []

    def note(_: Processes, folders: Folders, *, environment: Mapping[str, str], port: int) -> None:
        calls.append((folders, dict(environment), port))
        raise EndedError("test")

    monkeypatch.setattr(dev, "start_dagster", note)
    return calls


def run_dev(folder: Path = Path()) -> int:
    with pytest.raises(typer.Exit) as ended:
        dev.dev(folder)
    return ended.value.exit_code


def test_without_tokens_it_starts_on_a_sandbox_that_is_set_up_and_says_so(
    started: Started, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dev()

    ((folders, environment, port),) = started
    assert folders.home == folder / ".state" / "sandbox"
    assert (folders.home / "dagster.yaml").read_text() == INSTANCE.read_text()
    assert (environment["POLAR_ACCESS_TOKEN"], environment["ATTIO_API_KEY"]) == (POLAR_TOKEN, ATTIO_TOKEN)
    assert environment["POLAR_API_URL"] == environment["ATTIO_API_URL"]
    said = capsys.readouterr().out
    assert "created" in said
    assert f"Sandbox: no tokens in .env. Both services, to watch and to change: {environment['POLAR_API_URL']}" in said
    assert f"Dagster: http://127.0.0.1:{port}" in said


def test_the_sandbox_has_its_own_ledger_and_links_but_the_other_settings_of_the_file(
    started: Started, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text(
        "POLAR_ATTIO_DATABASE_URL=.state/polar_attio.db\nPOLAR_ATTIO_OVERLAP_HOURS=7\n"
        "ATTIO_SLUG__POLAR_COUNTRY=country\nATTIO_COMPANY_SLUG__POLAR_MRR=mrr\nPOLAR_ORGANIZATION_SLUG=acme\nPOLAR_API_URL=https://api.polar.sh\n"
    )
    monkeypatch.setenv("POLAR_ATTIO_DAGSTER_URL", "https://dagster.example.com")

    run_dev()

    ((folders, environment, port),) = started
    assert environment["POLAR_ATTIO_DATABASE_URL"] == str(folders.home / "polar_attio.db")
    assert environment["POLAR_ATTIO_DAGSTER_URL"] == f"http://127.0.0.1:{port}"
    assert environment["POLAR_ATTIO_OVERLAP_HOURS"] == "7"
    assert environment["ATTIO_SLUG__POLAR_COUNTRY"] == "country"
    assert environment["ATTIO_COMPANY_SLUG__POLAR_MRR"] == "mrr"
    assert "ATTIO_COMPANY_SLUG" not in environment
    assert environment["POLAR_ORGANIZATION_SLUG"] == ""
    assert environment["POLAR_API_URL"].startswith("http://127.0.0.1:")


def test_the_sandbox_takes_no_secret_from_a_file(
    started: Started, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(".state/live.db")
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL_FILE", str(secret))

    run_dev()

    ((folders, environment, _),) = started
    assert environment["POLAR_ATTIO_DATABASE_URL"] == str(folders.home / "polar_attio.db")
    assert environment["POLAR_ATTIO_DATABASE_URL_FILE"] == ""


def test_with_both_tokens_it_starts_live_in_the_folder_itself_and_says_so(
    started: Started, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".env").write_text("POLAR_ACCESS_TOKEN=polar_oat_live\nATTIO_API_KEY=key_live\n")

    run_dev()

    ((folders, environment, port),) = started
    assert folders.home == folder
    assert environment == {"POLAR_ATTIO_DAGSTER_URL": f"http://127.0.0.1:{port}"}
    said = capsys.readouterr().out
    assert "Live: https://api.polar.sh to https://api.attio.com, as .env says;" in said
    assert "live" not in said.replace("Live:", "")


def test_ports_of_the_sandbox_are_never_those_of_the_live_instance() -> None:
    ranges = [set(range(port, port + 20)) for port in (dev.LIVE_UI_PORT, dev.SANDBOX_UI_PORT, dev.SANDBOX_PORT)]

    assert len(set().union(*ranges)) == sum(map(len, ranges))


@pytest.mark.parametrize("name", ["POLAR_ACCESS_TOKEN", "ATTIO_API_KEY"])
def test_with_one_token_of_two_it_does_not_start(
    started: Started, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(name, "only_one")

    assert run_dev() == 1
    assert capsys.readouterr().err.startswith("Set both POLAR_ACCESS_TOKEN and ATTIO_API_KEY in .env")
    assert started == []


def test_in_a_folder_without_an_instance_it_says_what_makes_one(
    started: Started, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dagster.yaml").unlink()

    assert run_dev() == 1
    assert capsys.readouterr().err == (
        f"There is no dagster.yaml in {folder}: `polar-attio init .` writes one, and says what comes next.\n"
    )
    assert started == []


def test_another_folder_can_be_named_and_its_settings_and_its_state_are_used(
    started: Started, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = folder / "another one"
    init(other)
    (other / ".env").write_text("POLAR_ATTIO_OVERLAP_HOURS=7\n")

    run_dev(Path("another one"))

    ((folders, environment, _),) = started
    assert folders.home == other / ".state" / "sandbox"
    assert environment["POLAR_ATTIO_OVERLAP_HOURS"] == "7"
    assert not (folder / ".state").exists()


def test_a_folder_that_is_not_there_is_named_in_a_command_that_makes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_dev(Path("another one")) == 1
    assert "`polar-attio init 'another one'` writes one" in capsys.readouterr().err


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """Run it for real; yield it, and what returns all that it has said so far."""
    said = folder / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            [PROGRAM, "dev"],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process, said.read_text
        finally:
            process.terminate()
            process.wait(timeout=ENDED_SECONDS)


def until(look: Callable[[], Any], *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing to see after {seconds} s")


def ui(said: str) -> str | None:
    found = re.search(r"Dagster: (http://127\.0\.0\.1:\d+)", said)
    return found[1] if found else None


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=2).is_success
    except httpx.TransportError:
        return False


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    _, left = psutil.wait_procs(processes, timeout=0)
    return [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_terminating_it_ends_everything_and_a_second_one_in_the_folder_is_refused_meanwhile(folder: Path) -> None:
    with running(folder) as (process, said):
        url = until(lambda: ui(said()), seconds=READY_SECONDS)
        until(lambda: answers(url), seconds=READY_SECONDS)
        until(lambda: "dagster.daemon" in said(), seconds=READY_SECONDS)
        second = subprocess.run(
            [PROGRAM, "dev"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        all_of_it = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(timeout=ENDED_SECONDS)

        assert alive(all_of_it) == []
        assert process.returncode == 0
        assert said().splitlines()[-1] == "All processes have ended."
    # The sandbox, the code server and its worker, the webserver, the daemon, the watchdog.
    assert len(all_of_it) >= 6
    assert second.returncode == 1
    assert second.stderr == (
        f"`polar-attio dev` runs in this folder already (process {process.pid}): use its UI, or end it first.\n"
    )
    for word in ("Deprecat", "deprecat", "Supersession", "superseded"):
        assert word not in said()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_interrupting_or_killing_it_while_it_starts_leaves_nothing_running(
    folder: Path, ending: signal.Signals
) -> None:
    with running(folder) as (process, said):
        until(lambda: ui(said()), seconds=READY_SECONDS)
        until(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 4, seconds=READY_SECONDS)
        all_of_it = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ending)
        process.wait(timeout=ENDED_SECONDS)

        until(lambda: not alive(all_of_it), seconds=ENDED_SECONDS)


@pytest.mark.slow
def test_when_one_process_ends_by_itself_all_end_and_it_is_named(folder: Path) -> None:
    with running(folder) as (process, said):
        until(lambda: ui(said()), seconds=READY_SECONDS)
        sandbox = until(
            lambda: [
                child
                for child in psutil.Process(process.pid).children()
                if "polar_attio_pipeline.cli.dev_sandbox" in child.cmdline()
            ],
            seconds=READY_SECONDS,
        )
        all_of_it = psutil.Process(process.pid).children(recursive=True)
        sandbox[0].kill()
        process.wait(timeout=READY_SECONDS)

        assert process.returncode == 1
        assert "The sandbox has ended or does not answer, so all are ended" in said()
        assert alive(all_of_it) == []
