import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from polar_attio_pipeline_tests.browser.chromium import fresh_page
from polar_attio_pipeline_tests.browser.stack import Stack, running, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = "/locations/polar_attio_pipeline/jobs/customer_sync"
BOTH_HOURLY_ASSETS = '/asset-groups~key%3A"polar_customers"%2B/'
ASSETS = ("customers_in_polar", "polar_customers", "attio_people", "customer_reconciliation", "people_in_attio")
KEY = "%Y-%m-%d-%H:00"
HOUR = timedelta(hours=1)
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


def busiest_hour(stack: Stack) -> tuple[str, list[str]]:
    """The hour with the most customers of those in which Attio can take every one, and their ids."""
    response = httpx.get(
        f"{stack.sandbox}/v1/customers/?limit=100&sorting=-created_at&sorting=email",
        headers={"authorization": f"Bearer {stack.environment['POLAR_ACCESS_TOKEN']}"},
    )
    hours = defaultdict(list)
    for customer in response.raise_for_status().json()["items"]:
        if customer["created_at"] >= stack.environment["POLAR_ATTIO_START_DATE"]:
            hours[customer["created_at"][:13].replace("T", "-") + ":00"].append(customer)
    takable = {hour: customers for hour, customers in hours.items() if all(map(is_takable, customers))}
    hour = max(takable, key=lambda key: len(takable[key]))
    return hour, [customer["id"] for customer in takable[hour]]


def is_takable(customer: dict[str, Any]) -> bool:
    email = customer["email"]
    return bool(email) and not email.endswith((".test", "@anonymized.polar.sh"))


def choose_and_launch(page: Page, partitions: str) -> None:
    """In the dialog of `Materialize all`, type the hours and launch."""
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    typed = dialog.get_by_placeholder("No matching partitions")
    typed.fill(partitions)
    typed.press("Enter")
    dialog.get_by_role("button", name=re.compile("^Launch")).click()
    expect(dialog).to_be_hidden()


def run_statuses(stack: Stack) -> set[str]:
    statuses = {run["status"] for run in stack.graphql(RUNS)["runsOrError"]["results"]}
    assert "FAILURE" not in statuses
    return statuses


def until_all_succeeded(stack: Stack) -> None:
    until(lambda: run_statuses(stack) == {"SUCCESS"}, seconds=90)


def number(page: Page, name: str) -> int:
    """A number among the metadata of a partition."""
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))
    return int(row.get_by_role("cell").nth(1).inner_text())


def in_attio(page: Page) -> int:
    """How many customers the sandbox's page counts as in Attio."""
    expect(page.locator("#tally")).to_be_visible()
    return int(page.locator("#tally .in b").text_content() or "")


@contextmanager
def polar_token_revoked(stack: Stack) -> Iterator[None]:
    url, token = f"{stack.sandbox}/sandbox/tokens", {"service": "polar"}
    httpx.post(url, json={**token, "revoked": True}).raise_for_status()
    try:
        yield
    finally:
        httpx.post(url, json={**token, "revoked": False}).raise_for_status()


def test_the_graph_leads_from_polar_to_attio_by_the_hours_and_by_the_reconciliation(
    page: Page, stack: Stack, shots: Path
) -> None:
    page.set_viewport_size({"width": 2200, "height": 900})
    page.goto(f"{stack.dagster}/asset-groups")

    places = {}
    for asset in ASSETS:
        node = page.locator("foreignObject").filter(has_text=asset).last
        expect(node).to_be_visible()
        places[asset] = node.bounding_box()
    page.screenshot(path=shots / "dagster-1-assets.png")

    x = {asset: place["x"] for asset, place in places.items() if place}
    assert x["customers_in_polar"] < x["polar_customers"] < x["attio_people"] < x["people_in_attio"]
    assert x["customers_in_polar"] < x["customer_reconciliation"] < x["people_in_attio"]


def test_an_asset_shows_who_owns_it_its_columns_and_its_source(page: Page, stack: Stack, shots: Path) -> None:
    page.goto(f"{stack.dagster}/assets/polar_customers")

    expect(page.get_by_text("growth", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"polar_customers\.py in editor"))).to_be_visible()
    expect(page.get_by_text("When the customer was created in Polar, UTC: decides its hour.")).to_be_visible()
    page.screenshot(path=shots / "dagster-5-asset.png")


def test_an_hour_launched_in_the_ui_shows_its_numbers_and_what_became_of_each_customer(
    page: Page, stack: Stack, shots: Path
) -> None:
    hour, customer_ids = busiest_hour(stack)
    page.goto(stack.sandbox)
    expect(page.locator("#customers li").first).to_be_visible()
    page.screenshot(path=shots / "sandbox-1-before.png")

    page.goto(f"{stack.dagster}{JOB}")
    choose_and_launch(page, hour)
    until_all_succeeded(stack)

    page.set_viewport_size({"width": 1440, "height": 1300})
    page.goto(f"{stack.dagster}/assets/attio_people?view=partitions&partition={hour}")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    assert number(page, "customers") == len(customer_ids)
    counts = {name: number(page, name) for name in ("created", "updated", "unchanged", "rejected", "ambiguous")}
    assert sum(counts.values()) == len(customer_ids)
    assert number(page, "in Attio and up to date") == len(customer_ids)
    expect(page.get_by_role("cell", name=re.compile("^(open: read until|closed: read at)"))).to_be_visible()
    table = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="Polar")).last
    expect(table).to_be_visible()
    shown = [one for one in customer_ids if table.locator(f"a[href$='/customers/{one}']").count()]
    assert len(shown) == len(customer_ids) or len(shown) >= 3
    links = [link.get_attribute("href") or "" for link in table.get_by_role("link", name="open").all()]
    assert len(links) == len(shown)
    page.screenshot(path=shots / "dagster-2-hour.png")

    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(links[0].replace("https://app.attio.com", stack.sandbox))
    expect(page.locator("#people li.open")).to_contain_text("Polar customer")
    expect(page.locator("#customers li.linked").get_by_text("in Attio", exact=True)).to_be_visible()
    page.screenshot(path=shots / "sandbox-2-after.png")


def test_the_list_of_runs_says_why_a_run_started_and_for_which_hours(page: Page, stack: Stack, shots: Path) -> None:
    page.goto(f"{stack.dagster}/runs")

    expect(page.get_by_text("polar_attio/reason: by hand").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"^polar_attio/hours: \w+ \d+, \d+-\d+ UTC$")).first).to_be_visible()
    expect(page.get_by_text("polar_attio/process")).to_have_count(0)
    page.screenshot(path=shots / "dagster-6-runs.png")


def test_a_token_that_polar_takes_no_more_is_red_where_the_customers_come_from(
    page: Page, stack: Stack, shots: Path
) -> None:
    with polar_token_revoked(stack):
        page.goto(f"{stack.dagster}/assets/customers_in_polar?view=checks")
        page.get_by_role("button", name=re.compile(r"\bExecute$")).click()

        expect(page.get_by_text("Polar does not accept the token").first).to_be_visible(timeout=90_000)
        page.screenshot(path=shots / "dagster-7-token.png")


def test_a_backfill_launched_in_the_ui_shows_its_progress_and_fills_the_plots(
    page: Page, stack: Stack, shots: Path
) -> None:
    page.goto(stack.sandbox)
    before = in_attio(page)

    last = datetime.now(UTC) - HOUR
    first = last - 29 * HOUR
    page.goto(f"{stack.dagster}{BOTH_HOURLY_ASSETS}")
    choose_and_launch(page, f"[{first:{KEY}}...{last:{KEY}}]")
    page.get_by_role("link", name="View", exact=True).click()

    expect(page.get_by_text("0% completed", exact=True)).to_have_count(2)
    until(lambda: "STARTED" in run_statuses(stack), seconds=90)
    page.reload()
    expect(page.get_by_text("In progress", exact=True).first).to_be_visible()
    page.screenshot(path=shots / "dagster-3-backfill.png")
    expect(page.get_by_text("100% completed", exact=True)).to_have_count(2, timeout=90_000)
    # In Dagster's table: of two assets, how many hours were wanted, and how many succeeded.
    expect(page.get_by_text("30", exact=True)).to_have_count(4)
    until_all_succeeded(stack)

    page.set_viewport_size({"width": 1440, "height": 1500})
    page.goto(f"{stack.dagster}/assets/attio_people")
    page.get_by_role("button", name="Plots").click()
    for name in ("customers", "created", "updated", "unchanged", "rejected", "requests", "seconds"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    page.screenshot(path=shots / "dagster-4-plots.png")

    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(stack.sandbox)
    assert in_attio(page) > before
    page.screenshot(path=shots / "sandbox-3-after-backfill.png")
