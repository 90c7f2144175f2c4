import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from polar_attio_pipeline_tests.browser.conftest import fresh_page
from polar_attio_pipeline_tests.browser.stack import Stack, running, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = "/locations/polar_attio_pipeline/jobs/customer_sync"
BOTH_HOURLY_ASSETS = '/asset-groups~key%3A"polar_customers"%2B/'
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"


@pytest.fixture(scope="module")
def stack(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    start = (datetime.now(UTC) - timedelta(days=2)).date()
    with running(tmp_path_factory.mktemp("stack"), customers=150, start=start) as running_stack:
        yield running_stack


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with fresh_page(chromium, width=1440, height=900, timeout=30_000) as page:
        yield page


def customers_by_hour(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """The newest hundred customers of Polar, by the partition that they belong to."""
    response = httpx.get(
        f"{stack.sandbox}/v1/customers/?limit=100&sorting=-created_at&sorting=email",
        headers={"authorization": f"Bearer {stack.environment['POLAR_ACCESS_TOKEN']}"},
    )
    hours = defaultdict(list)
    for customer in response.raise_for_status().json()["items"]:
        if customer["created_at"] >= stack.environment["POLAR_ATTIO_START_DATE"]:
            hours[customer["created_at"][:13].replace("T", "-") + ":00"].append(customer)
    return dict(hours)


def choose_and_launch(page: Page, partitions: str) -> None:
    """In the dialog of `Materialize all`, type the hours and launch."""
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    typed = dialog.get_by_placeholder("No matching partitions")
    typed.fill(partitions)
    typed.press("Enter")
    dialog.get_by_role("button", name=re.compile("^Launch")).click()
    expect(dialog).to_be_hidden()


def runs_have_ended(stack: Stack) -> bool:
    statuses = [run["status"] for run in stack.graphql(RUNS)["runsOrError"]["results"]]
    assert "FAILURE" not in statuses
    return bool(statuses) and set(statuses) == {"SUCCESS"}


def number(page: Page, name: str) -> int:
    """A number among the metadata of a partition."""
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))
    return int(row.get_by_role("cell").nth(1).inner_text())


def test_the_graph_shows_the_hourly_assets_in_a_row_and_the_reconciliation_beside_them(
    page: Page, stack: Stack, shots: Path
) -> None:
    page.goto(f"{stack.dagster}/asset-groups")

    places = {}
    for asset in ("polar_customers", "attio_people", "customer_reconciliation"):
        node = page.locator("foreignObject").filter(has_text=asset).last
        expect(node).to_be_visible()
        places[asset] = node.bounding_box()
    page.screenshot(path=shots / "dagster-1-assets.png")

    upstream, downstream = places["polar_customers"], places["attio_people"]
    assert upstream is not None
    assert downstream is not None
    assert upstream["x"] < downstream["x"]


def test_an_hour_launched_in_the_ui_shows_its_numbers_and_what_became_of_each_customer(
    page: Page, stack: Stack, shots: Path
) -> None:
    hour, customers = max(customers_by_hour(stack).items(), key=lambda item: len(item[1]))
    page.goto(stack.sandbox)
    expect(page.locator("#customers li").first).to_be_visible()
    page.screenshot(path=shots / "sandbox-1-before.png")

    page.goto(f"{stack.dagster}{JOB}")
    choose_and_launch(page, hour)
    until(lambda: runs_have_ended(stack), seconds=90)

    page.set_viewport_size({"width": 1440, "height": 1300})
    page.goto(f"{stack.dagster}/assets/attio_people?view=partitions&partition={hour}")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    assert number(page, "customers") == len(customers)
    counts = {name: number(page, name) for name in ("created", "updated", "unchanged", "rejected", "ambiguous")}
    assert sum(counts.values()) == len(customers)
    table = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="Polar customer")).last
    for customer in customers:
        expect(table).to_contain_text(customer["id"])
    links = [link.get_attribute("href") or "" for link in table.get_by_role("link", name="open").all()]
    assert len(links) == counts["created"] + counts["updated"] + counts["unchanged"]
    page.screenshot(path=shots / "dagster-2-hour.png")

    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(links[0].replace("https://app.attio.com", stack.sandbox))
    expect(page.locator("#people li.open")).to_contain_text("Polar customer")
    expect(page.locator("#customers li.linked").get_by_text("in Attio", exact=True)).to_be_visible()
    page.screenshot(path=shots / "sandbox-2-after.png")


def test_a_backfill_launched_in_the_ui_shows_its_progress_and_fills_the_plots(
    page: Page, stack: Stack, shots: Path
) -> None:
    hours = [key for key in sorted(customers_by_hour(stack)) if key < f"{datetime.now(UTC):%Y-%m-%d-%H:00}"]
    page.goto(f"{stack.dagster}{BOTH_HOURLY_ASSETS}")
    choose_and_launch(page, f"[{hours[0]}...{hours[-1]}]")
    page.get_by_role("link", name="View", exact=True).click()

    progress = page.get_by_role("row").filter(has=page.get_by_role("link", name="attio_people"))
    expect(page.get_by_text("In progress", exact=True).first).to_be_visible()
    expect(progress).not_to_contain_text("0% completed", timeout=90_000)
    page.screenshot(path=shots / "dagster-3-backfill.png")
    expect(progress).to_contain_text("100% completed", timeout=90_000)
    until(lambda: runs_have_ended(stack), seconds=30)

    page.set_viewport_size({"width": 1440, "height": 1500})
    page.goto(f"{stack.dagster}/assets/attio_people")
    page.get_by_role("button", name="Plots").click()
    for name in ("customers", "created", "updated", "unchanged", "rejected", "requests", "seconds"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    page.screenshot(path=shots / "dagster-4-plots.png")

    page.goto(stack.sandbox)
    expect(page.locator("#customers li").first.get_by_text("not there yet")).to_have_count(0)
    page.screenshot(path=shots / "sandbox-3-after-backfill.png")
