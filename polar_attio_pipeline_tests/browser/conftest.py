"""One Chromium for all tests of a process, a fresh page for each; what the page logs as an error fails its test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go: a folder to keep, named by the environment, or one that pytest throws away."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with fresh_page(chromium, width=1280, height=860, timeout=10_000) as page:
        errors: list[str] = []

        def keep(message: ConsoleMessage) -> None:
            # Chromium itself reports every 4xx; those are answers to what a test does.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                errors.append(message.text)

        page.on("console", keep)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


@contextmanager
def fresh_page(chromium: Browser, *, width: int, height: int, timeout: int) -> Iterator[Page]:
    """Open a page that reaches this machine only; `timeout`, in milliseconds, holds for actions and expectations."""
    expect.set_options(timeout=timeout)
    context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="UTC")
    context.set_default_timeout(timeout)
    context.route("**/*", lambda route: route.continue_() if "//127.0.0.1:" in route.request.url else route.abort())
    yield context.new_page()
    context.close()
