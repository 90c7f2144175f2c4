import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from polar_attio_pipeline_tests.browser.chromium import ARGUMENTS, CHROMIUM, fresh_page


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the pages are not tried in a browser (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that SCREENSHOTS names, or one that pytest throws away."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that must log no error."""
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
