"""The picture of the sandbox's page in the README: what `make dev` shows some minutes after its start.

    python -m polar_attio_pipeline_tests.docs.picture

starts Dagster and the sandbox in a folder of their own, adds a customer who subscribes, waits until it is in Attio, and
writes docs/sandbox.png. It takes a few minutes and needs Chromium.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

from polar_attio_pipeline_tests.browser.chromium import ARGUMENTS, CHROMIUM, fresh_page
from polar_attio_pipeline_tests.browser.stack import process, until
from polar_attio_pipeline_tests.docs.attributes import ROOT

PICTURE = ROOT / "docs" / "sandbox.png"
WIDTH, HEIGHT = 1280, 722
NAME, ADDRESS = "Zelda Zhou", "zelda@primer.example.org"
_PATIENCE = 300
"""Seconds until all customers, and then the new one, are in Attio."""

_SANDBOX = re.compile(r"watch and to change: (http://\S+)")


@contextmanager
def dev(folder: Path) -> Iterator[str]:
    """Start what `make dev` starts, without tokens, and return the address of the sandbox's page."""
    for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    ours = ("POLAR_", "ATTIO_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # The processes run in the folder, so the code has to be found from there.
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {_DEV}"]
    with process(command, environment, folder / "dev") as started:
        found = until(lambda: _SANDBOX.search((folder / "dev.out").read_text()), started, seconds=_PATIENCE)
        assert found is not None, "it is looked for until it is there"
        yield found[1]


_DEV = "from polar_attio_pipeline.cli.app import app; app(['dev'])"


def show(page: Page, url: str) -> None:
    """Let all customers come to Attio, then one more, and open it."""
    page.goto(url)
    # Dagster takes a while to start.
    passes = page.get_by_role("link", name="Customers that have changed").first
    passes.wait_for(timeout=_PATIENCE * 1000)
    page.get_by_role("button", name="Start a pass").click()
    expect(page.locator("#tally .in")).to_have_text(re.compile(r"^\d{3} in Attio"), timeout=_PATIENCE * 1000)
    page.get_by_role("button", name="Add customer").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(NAME)
    dialog.get_by_label("Address").fill(ADDRESS)
    dialog.locator("#dialog-confirm").click()
    expect(dialog).to_be_hidden()
    row = page.locator("#customers").get_by_role("listitem").filter(has_text=NAME)
    # A customer that was just added is open.
    row.get_by_role("button", name="Subscribe").click()
    dialog.locator("#dialog-confirm").click()
    person = page.locator("#people").get_by_role("listitem").filter(has_text=NAME)
    expect(person.get_by_text("Paying")).to_be_visible(timeout=_PATIENCE * 1000)
    expect(row.get_by_text("in Attio", exact=True)).to_be_visible(timeout=_PATIENCE * 1000)
    # A busy machine lets Dagster answer late, and the picture is to show when the next passes come.
    passes.wait_for(timeout=_PATIENCE * 1000)
    page.mouse.move(0, 0)


def main() -> None:
    """Write the picture."""
    if CHROMIUM is None:
        sys.exit("Chromium is not installed: apt install chromium, or put a chromium on the PATH.")
    with TemporaryDirectory() as folder, dev(Path(folder)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with fresh_page(browser, width=WIDTH, height=HEIGHT, timeout=30_000) as page:
            show(page, url)
            page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
