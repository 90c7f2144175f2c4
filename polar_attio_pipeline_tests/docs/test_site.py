"""The site: every page is in it, it is built without a warning, and it asks no other host for anything."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from polar_attio_pipeline_tests.browser.chromium import ARGUMENTS, CHROMIUM, fresh_page
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.site import OF_THE_ROOT, llms_parts, navigation
from polar_attio_pipeline_tests.docs.site_hooks import in_site

LONGEST = 30
"""Seconds that a build may take on two quiet cores; a busy machine is given three times as long."""

_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=\"([^\"]+)\"|<link\b[^>]*?\bhref=\"([^\"]+)\"|url\(([^)]+)\)"
)
SOME = ("index.html", "mapping.html", "messages.html", "settings.html", "sessions.html", "first-sync.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    began = time.monotonic()
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert time.monotonic() - began < 3 * LONGEST
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the pages are not tried in a browser (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def test_every_page_of_the_navigation_exists() -> None:
    assert [entry.path for entry in navigation() if not (ROOT / entry.path).exists()] == []


def test_every_page_is_in_the_navigation_once() -> None:
    paths = [entry.path for entry in navigation()]

    assert sorted(paths) == sorted(set(paths))
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")} - set(paths) == set()


def test_each_page_is_built(site: Path) -> None:
    assert [entry.page for entry in navigation() if not (site / entry.page).with_suffix(".html").exists()] == []
    assert len(navigation()) > 20


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        loaded = ["".join(found) for found in _LOADED.findall(file.read_text(encoding="utf-8"))]
        assert [one for one in loaded if re.match(r"['\"]?(https?:)?//", one)] == [], file.name


@pytest.mark.browser
def test_a_browser_asks_no_other_host(site: Path, chromium: Browser) -> None:
    with served(site) as url, fresh_page(chromium, width=1400, height=900, timeout=10_000) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name in (*SOME, "architecture.html"):
            page.goto(f"{url}/{name}", wait_until="networkidle")
        page.locator("input[name=query]").click()
        page.locator("input[name=query]").press_sequentially("reconciliation")
        page.locator(".md-search-result__item").first.wait_for()

        assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []
        assert len(asked) > len(SOME)


def widest(site: Path, chromium: Browser, width: int, pages: Iterable[str]) -> list[str]:
    """The pages that are wider than a window."""
    found = []
    with served(site) as url, fresh_page(chromium, width=width, height=900, timeout=10_000) as page:
        for name in pages:
            page.goto(f"{url}/{name}", wait_until="load")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(name)
    return found


@pytest.mark.browser
def test_no_page_is_wider_than_a_narrow_window(site: Path, chromium: Browser) -> None:
    pages = sorted(file.relative_to(site).as_posix() for file in site.rglob("*.html") if file.name != "404.html")

    assert widest(site, chromium, 400, pages) == []


@pytest.mark.browser
def test_pages_with_wide_tables_are_no_wider_than_a_wide_window(site: Path, chromium: Browser) -> None:
    assert widest(site, chromium, 1400, SOME) == []


@pytest.mark.parametrize(
    ("page", "markdown", "expected"),
    [
        ("undo.md", "[a](history.md#x)", "[a](history.md#x)"),
        ("undo.md", "[a](../CHANGELOG.md)", "[a](changelog.md)"),
        ("undo.md", "[the file](../.env.example)", "the file"),
        ("undo.md", "[.env.example](../.env.example)", "`.env.example`"),
        ("undo.md", "[later](deploy/later.md)", "later"),
        (
            "undo.md",
            "[a](#here) [b](https://polar.sh) ![c](sandbox.png)",
            "[a](#here) [b](https://polar.sh) ![c](sandbox.png)",
        ),
        ("deploy/x.md", "[a](../undo.md) [b](../../SECURITY.md)", "[a](../undo.md) [b](../security-policy.md)"),
        ("contributing.md", "[a](docs/glossary.md)", "[a](glossary.md)"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site(page: str, markdown: str, expected: str) -> None:
    assert in_site(markdown, page) == expected


def test_the_pages_of_the_root_are_in_the_site() -> None:
    assert all((ROOT / path).is_file() for path in OF_THE_ROOT.values())


def test_the_list_for_programs_is_up_to_date_and_names_every_page() -> None:
    (part,) = llms_parts()
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, "llms.txt does not list every page: run make docs"
    assert content.startswith("# Polar to Attio\n\n> ")
    assert [
        entry.path for entry in navigation() if (ROOT / entry.path).exists() and f"]({entry.path})" not in content
    ] == []
