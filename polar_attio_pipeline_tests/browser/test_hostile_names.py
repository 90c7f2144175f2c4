"""What a stranger may type at a checkout, or somebody into Attio, is text on the page: no element, no link."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from polar_attio_pipeline.sandbox.pipeline_view import LastOutcome
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.browser.test_sandbox_page import Pipeline, answer

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\"></svg>",
    "</bdi></button><script>document.title='owned'</script>",
    "<a href=\"javascript:document.title='owned'\">click me</a>",
    "javascript:document.title='owned'",
    "\"' onmouseover=document.title='owned' x='",
    "${document.title='owned'} {{ 7 * 7 }}",
)


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox(pipeline=Pipeline())
    made.attio.add_attribute("polar_customer", "checkbox", title="Polar customer")
    for slug in ("polar_customer_id", "polar_external_id", "polar_customer_url"):
        made.attio.add_attribute(slug, title=slug)
    return made


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with serving(sandbox) as served:
        yield served


@pytest.mark.parametrize("typed", HOSTILE)
def test_it_is_text_wherever_it_is_shown(page: Page, url: str, sandbox: Sandbox, typed: str) -> None:
    email = "ada@analytical.example.com"
    customer = sandbox.polar.add_customer(email=email, name=typed, external_id=typed)
    sandbox.polar.billing.subscribe(customer.id, sandbox.polar.billing.product(typed, amount=900))
    values = {"polar_external_id": typed, "polar_customer_url": typed}
    sandbox.attio.add_person(emails=[email], name=typed, values=values)
    assert isinstance(sandbox.pipeline, Pipeline)
    sandbox.pipeline.known[customer.id] = LastOutcome(
        result="rejected", reason="refused_by_attio", detail=typed, at=datetime.now(UTC), url=None, is_written=False
    )
    page.goto(url)

    row = page.locator("#customers > li")
    row.locator(".summary").click()
    expect(row.locator(".name")).to_have_text(typed)
    expect(row.locator("code").filter(has_text=typed)).to_be_visible()
    row.locator("[data-action=delete]").click()
    expect(page.locator("#dialog-title")).to_have_text(f"Delete {typed}?")
    page.locator("#dialog-cancel").click()
    row.locator("[data-action=rename]").click()
    answer(page, "Rename", Name=f"{typed}!")
    expect(row.locator(".name")).to_have_text(f"{typed}!")
    person = page.locator("#people > li")
    person.locator(".summary").click()
    expect(person.locator("dd").filter(has_text=typed).first).to_be_visible()

    expect(page).to_have_title("Sandbox: Polar and Attio")
    alive = "main :is(img, svg, script, iframe), main [onmouseover], a[href^='javascript:']"
    expect(page.locator(alive)).to_have_count(0)
