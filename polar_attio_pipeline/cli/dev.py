"""`polar-attio dev`: the Dagster UI and daemon, live if `.env` names tokens, otherwise against a sandbox."""

import os
import shlex
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import SecretStr
from rich.console import Console

from polar_attio_pipeline.cli.dev_dagster import Folders, start_dagster
from polar_attio_pipeline.cli.dev_lock import LockedError, locked
from polar_attio_pipeline.cli.dev_ports import HOST, NoPortError, free_port, holder
from polar_attio_pipeline.cli.dev_processes import EndedError, Processes, processes
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.cli.templates import DAGSTER
from polar_attio_pipeline.setting_files import no_files
from polar_attio_pipeline.settings import Settings

# Far enough apart that none of them ever takes another's place: a tab of the sandbox must not show the live instance.
LIVE_UI_PORT = 3000
SANDBOX_UI_PORT = 3100
SANDBOX_PORT = 8700

SANDBOX_DAYS = 3

_console = Console(highlight=False, soft_wrap=True)


def dev(
    folder: Annotated[Path, typer.Argument(help="Where dagster.yaml and .env are; this folder unless given.")] = Path(),
) -> None:
    """Start Dagster's UI and daemon: live if .env has tokens, otherwise on a sandbox of both services."""
    root = folder.resolve()
    if not (root / DAGSTER).is_file():
        command = f"polar-attio init {shlex.quote(str(folder))}"
        fail(f"There is no {DAGSTER} in {root}: `{command}` writes one, and says what comes next.")
    # Settings and state are looked for in the working directory, here as in every other command.
    os.chdir(root)
    with explained_errors():
        settings = Settings()
    tokens = [bool(token.get_secret_value().strip()) for token in (settings.polar_access_token, settings.attio_api_key)]
    if any(tokens) and not all(tokens):
        fail("Set both POLAR_ACCESS_TOKEN and ATTIO_API_KEY in .env to go live, or neither for the sandbox.")
    run = _live if all(tokens) else _sandbox
    state = root / ".state"
    _end_on_signals()
    try:
        with (
            locked(state / f"{'live' if all(tokens) else 'sandbox'}.lock") as lock,
            tempfile.TemporaryDirectory(prefix="polar-attio-") as private,
            processes(keep_open=lock) as started,
        ):
            run(settings, started, Folders(root if all(tokens) else _own_folder(root, state), Path(private)))
            started.wait()
    except KeyboardInterrupt:
        _console.print("All processes have ended.")
    except (LockedError, NoPortError, EndedError) as error:
        fail(str(error))


def _end_on_signals() -> None:
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A closed terminal is ignored under nohup.
        if ending != signal.SIGHUP or signal.getsignal(ending) != signal.SIG_IGN:
            signal.signal(ending, _interrupt)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _live(settings: Settings, started: Processes, folders: Folders) -> None:
    port = _port(LIVE_UI_PORT, "the UI")
    ui = {} if "polar_attio_dagster_url" in settings.model_fields_set else {"POLAR_ATTIO_DAGSTER_URL": _address(port)}
    _console.print(
        f"[bold]Live[/]: {settings.polar_api_url} to {settings.attio_api_url}, as .env says; `polar-attio doctor` "
        "tells whether both take the tokens."
    )
    _show_ui(port)
    start_dagster(started, folders, environment=ui, port=port)


def _sandbox(settings: Settings, started: Processes, folders: Folders) -> None:
    port, ledger = _port(SANDBOX_UI_PORT, "the UI"), str(folders.home / "polar_attio.db")
    url, tokens = _start_sandbox(started, folders.home, dagster=_address(port), ledger=ledger)
    environment = {
        **_given(settings),
        **no_files(Settings.model_fields),
        **tokens,
        "POLAR_API_URL": url,
        "ATTIO_API_URL": url,
        "POLAR_ORGANIZATION_SLUG": "",
        "POLAR_ATTIO_START_DATE": (datetime.now(UTC).date() - timedelta(days=SANDBOX_DAYS)).isoformat(),
        "POLAR_ATTIO_DATABASE_URL": ledger,
        "POLAR_ATTIO_DAGSTER_URL": _address(port),
    }
    os.environ.update(environment)
    setup()
    _console.print(
        f"\n[bold]Sandbox[/]: no tokens in .env. Both services, to watch and to change: {url}\n"
        "All of it is made anew at the next start."
    )
    _show_ui(port)
    start_dagster(started, folders, environment=environment, port=port)


def _own_folder(root: Path, state: Path) -> Path:
    """Return an empty folder with an instance of its own: nothing of the sandbox is where the live instance is."""
    folder = state / "sandbox"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(root / DAGSTER, folder)
    return folder


def _start_sandbox(started: Processes, folder: Path, *, dagster: str, ledger: str) -> tuple[str, dict[str, str]]:
    """Return the sandbox's address, and the variables that hold its tokens."""
    command = [sys.executable, "-m", "polar_attio_pipeline.cli.dev_sandbox", "--dagster-url", dagster]
    command += ["--ledger", ledger, "--port", str(_port(SANDBOX_PORT, "the sandbox"))]
    process = started.start("sandbox", command, folder=folder, environment=os.environ, read=True)
    assert process.stdout is not None, "it was asked for"
    first = process.stdout.readline().split()
    if not first:
        raise EndedError("sandbox")
    url, *tokens = first
    return url, dict(token.split("=", 1) for token in tokens)


def _given(settings: Settings) -> dict[str, str]:
    """Return the settings that were given, as environment variables: Dagster's folder has no .env. No secrets."""
    renamed = {"attio_slug": settings.attio_slug, "attio_company_slug": settings.attio_company_slug}
    names = settings.model_fields_set - renamed.keys()
    plain = {name for name in names if not isinstance(getattr(settings, name), SecretStr)}
    slugs = {f"{name}__{key}".upper(): slug for name, given in renamed.items() for key, slug in given.items()}
    return {name: value for name, value in settings.shown().items() if name.lower() in plain} | slugs


def _port(wanted: int, what: str) -> int:
    port = free_port(wanted)
    if port != wanted:
        _console.print(f"Port {wanted} is taken by {holder(wanted)}: {what} gets {port}.")
    return port


def _show_ui(port: int) -> None:
    _console.print(
        f"[bold]Dagster[/]: {_address(port)}, in some seconds; in Jobs, launch full_reconciliation first. Ctrl-C ends "
        "all.\n"
    )


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"
