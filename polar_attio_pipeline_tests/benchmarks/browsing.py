"""How long the UI takes to show an asset, as a person sees it in Chromium."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from polar_attio_pipeline_tests.benchmarks.stand import ROOT

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_ASSET = "attio_people"
_VISITS = 5


def asset_page(environment: Mapping[str, str], folder: Path) -> tuple[float, float] | None:
    """Return the seconds from opening the asset's partitions to seeing them counted; None without Chromium.

    Returns:
        The first visit's, of a browser and a webserver that were just started, and the median of those after it.
    """
    if _CHROMIUM is None:
        return None
    with _webserver(environment, folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
        page.set_default_timeout(120_000)
        seconds = []
        for _ in range(_VISITS + 1):
            page.goto("about:blank")
            began = time.monotonic()
            page.goto(f"{url}/assets/{_ASSET}?view=partitions")
            page.get_by_text("Materialized").first.wait_for()
            page.get_by_text("Missing").first.wait_for()
            seconds.append(time.monotonic() - began)
        browser.close()
    return seconds[0], sorted(seconds[1:])[_VISITS // 2]


@contextmanager
def _webserver(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).parent / "dagster-webserver"
    with (folder / "webserver.log").open("wb") as log:
        command = [str(program), "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not _answers(url):
            assert time.monotonic() < deadline, "the webserver did not start"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=2).is_success
    except httpx.TransportError:
        return False
