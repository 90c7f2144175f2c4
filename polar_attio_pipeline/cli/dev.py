"""`make dev`: the Dagster UI and daemon; against the real services if `.env` names tokens, else against a sandbox."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
UI_PORT = "3000"
SANDBOX_PORT = "8700"
SANDBOX_DAYS = 3
GRACE_SECONDS = 15

_console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Start everything, and end it together."""
    settings = Settings()
    named = [bool(token.get_secret_value()) for token in (settings.polar_access_token, settings.attio_api_key)]
    if any(named) and not all(named):
        sys.exit("Set both POLAR_ACCESS_TOKEN and ATTIO_API_KEY in .env to go live, or neither for the sandbox.")
    if all(named):
        _console.print(f"[bold]Live[/]: {settings.polar_api_url} to {settings.attio_api_url}, as .env says.")
        _dagster(ROOT, {})
        return
    with _sandbox() as environment:
        os.environ.update(environment)
        setup()
        _console.print(
            f"\n[bold]Sandbox[/]: no tokens in .env. Both services, to watch and to change: "
            f"{environment['POLAR_API_URL']}\nAll of it is made anew at the next start."
        )
        # The instance's paths are relative, so a folder of its own keeps sandbox runs apart from live ones.
        state = ROOT / ".state" / "sandbox"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        _dagster(state, environment)


def _dagster(folder: Path, environment: Mapping[str, str]) -> None:
    _console.print(
        f"[bold]Dagster[/]: http://127.0.0.1:{UI_PORT}; in Jobs, launch full_reconciliation first. Ctrl-C ends all.\n"
    )
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "-p", UI_PORT], cwd=folder, env={**os.environ, **environment, "DAGSTER_HOME": str(ROOT)}
    )
    try:
        process.wait()
    except KeyboardInterrupt:
        # Ctrl-C in a terminal has reached Dagster as well; a signal to this process alone has not.
        try:
            process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


@contextmanager
def _sandbox() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "polar_attio_pipeline.sandbox", "--port", SANDBOX_PORT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it was asked for"
        first = process.stdout.readline().split()
        if not first:
            sys.exit(f"The sandbox could not start: is port {SANDBOX_PORT} in use?")
        url, *tokens = first
        started = datetime.now(UTC).date() - timedelta(days=SANDBOX_DAYS)
        try:
            yield {
                "POLAR_API_URL": url,
                "ATTIO_API_URL": url,
                "POLAR_ATTIO_START_DATE": started.isoformat(),
                **dict(token.split("=", 1) for token in tokens),
            }
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
