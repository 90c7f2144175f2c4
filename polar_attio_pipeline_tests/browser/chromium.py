"""The Chromium of this machine, kept from the network and from everything that a person's browser does by itself."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def fresh_page(chromium: Browser, *, width: int, height: int, timeout: int) -> Iterator[Page]:
    """Open a page that reaches this machine only; `timeout`, in milliseconds, holds for actions and expectations."""
    expect.set_options(timeout=timeout)
    context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="UTC")
    context.set_default_timeout(timeout)
    context.route("**/*", lambda route: route.continue_() if "//127.0.0.1:" in route.request.url else route.abort())
    yield context.new_page()
    context.close()
