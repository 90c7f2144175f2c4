import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.pipeline_view import Due, LastOutcome, Passes, PipelineError, Running
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.world import Sandbox

pytestmark = pytest.mark.browser

ADA = "ada@analytical.example.com"


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox()
    made.attio.add_attribute("polar_customer", "checkbox", title="Polar customer")
    made.attio.add_attribute("polar_customer_id", title="Polar customer ID")
    return made


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with serving(sandbox) as served:
        yield served


@pytest.fixture
def ada(sandbox: Sandbox) -> str:
    """Ada, in Polar and, as the sync would have written her, in Attio."""
    customer = sandbox.polar.add_customer(email=ADA, name="Ada Lovelace")
    values = {"polar_customer": True, "polar_customer_id": customer.id}
    return sandbox.attio.add_person(emails=[ADA], name="Ada Lovelace", values=values, actor="api-token")


DAGSTER = "http://127.0.0.1:3000"


@dataclass
class Pipeline:
    """A pipeline that looks for changes in two minutes, and has outcomes of some customers."""

    known: dict[str, LastOutcome] = field(default_factory=dict)
    due: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=2))
    running: list[Running] = field(default_factory=list)

    def outcomes(self, _: Collection[str]) -> Mapping[str, LastOutcome]:
        return self.known

    def passes(self) -> Passes:
        due = [
            Due("Customers that have changed", True, self.due, "Nothing has changed.", f"{DAGSTER}/sensor"),
            Due("All customers", False, None, None, f"{DAGSTER}/schedule"),
        ]
        return Passes(due, self.running, reports={"attio_people": f"{DAGSTER}/assets/attio_people"})

    def start(self) -> str:
        if self.running:
            raise PipelineError("A pass over all customers runs already.")
        self.running.append(Running("All customers", datetime.now(UTC), f"{DAGSTER}/runs/1"))
        return f"{DAGSTER}/runs/1"


def rows(page: Page, side: str) -> Locator:
    return page.locator(f"#{side}").get_by_role("listitem")


def open_row(page: Page, side: str, name: str) -> Locator:
    row = rows(page, side).filter(has_text=name)
    row.get_by_role("button", name=name).first.click()
    expect(row).to_have_class(re.compile(r"\bopen\b"))
    return row


def answer(page: Page, button: str, **fields: str) -> None:
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        dialog.get_by_label(label).fill(value)
    dialog.get_by_role("button", name=button).click()


def test_a_customer_who_is_added_appears_first_and_is_not_in_attio_yet(page: Page, url: str, sandbox: Sandbox) -> None:
    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")
    page.goto(url)

    page.get_by_role("button", name="Add customer").click()
    answer(page, "Add", Name="Ada Lovelace", Address=ADA)

    expect(page.get_by_role("dialog")).to_be_hidden()
    first = rows(page, "customers").first
    expect(first).to_contain_text("Ada Lovelace")
    expect(first).to_contain_text(ADA)
    expect(first.get_by_text("not there yet")).to_be_visible()
    expect(page.locator("#customers-count")).to_have_text("2 customers")
    customer = sandbox.polar.by_email(ADA)
    assert customer is not None
    assert customer.name == "Ada Lovelace"


def test_why_a_customer_is_not_in_attio_is_said_with_a_link_to_the_run(page: Page, url: str, sandbox: Sandbox) -> None:
    team = sandbox.polar.add_customer(name="Bletchley", type="team")
    why = "Neither the customer nor an owner has an address."
    outcome = LastOutcome("rejected", False, "no_email", why, datetime.now(UTC), f"{DAGSTER}/runs/1")
    sandbox.pipeline = Pipeline(known={team.id: outcome})
    page.goto(url)

    row = open_row(page, "customers", "Bletchley")

    expect(row.locator(".summary")).to_contain_text("no email")
    expect(row).to_contain_text("rejected: no email")
    expect(row).to_contain_text(why)
    expect(row.get_by_role("link", name="run in Dagster")).to_have_attribute("href", f"{DAGSTER}/runs/1")


def test_the_next_pass_is_counted_down_and_one_is_started_once(page: Page, url: str, sandbox: Sandbox) -> None:
    sandbox.pipeline = Pipeline()
    sandbox.polar.add_customer(email=ADA, name="Ada Lovelace")
    page.goto(url)
    passes = page.get_by_role("group", name="Passes")
    expect(passes).to_contain_text(re.compile("Customers that have changed: next look in 2 min"))
    expect(passes).to_contain_text("All customers: switched off")
    expect(open_row(page, "customers", "Ada Lovelace")).to_contain_text("no pass has come to this customer yet")

    report = passes.get_by_role("link", name="attio_people")
    expect(report).to_have_attribute("href", f"{DAGSTER}/assets/attio_people")
    for said in ("A pass over all customers was started.", "A pass over all customers runs already."):
        passes.get_by_role("button", name="Start a pass").click()
        expect(page.locator("#toast")).to_have_text(said)

    link = passes.get_by_role("link", name="All customers").first
    expect(link).to_have_attribute("href", f"{DAGSTER}/runs/1")
    expect(passes).to_contain_text(re.compile(r"All customers: running for \d+ s"))


def test_without_a_pipeline_the_page_says_so_and_has_no_button(page: Page, url: str) -> None:
    page.goto(url)
    passes = page.get_by_role("group", name="Passes")
    expect(passes).to_contain_text("no pipeline is connected")
    expect(passes.get_by_role("button")).to_be_hidden()
    expect(passes.get_by_role("link")).to_have_count(0)


def test_a_customer_is_renamed_and_differs_from_its_person(page: Page, url: str, sandbox: Sandbox, ada: str) -> None:
    page.goto(url)
    row = open_row(page, "customers", "Ada Lovelace")
    expect(row.get_by_text("in Attio", exact=True)).to_be_visible()

    row.get_by_role("button", name="Rename").click()
    answer(page, "Rename", Name="Ada King")

    renamed = rows(page, "customers").filter(has_text="Ada King")
    expect(renamed.get_by_text("differs", exact=True)).to_be_visible()
    expect(renamed).to_contain_text("the name in Attio is “Ada Lovelace”")
    customer = sandbox.polar.by_email(ADA)
    assert customer is not None
    assert customer.name == "Ada King"


def test_a_customer_whose_address_changes_differs_until_the_person_holds_it_too(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)
    row = open_row(page, "customers", "Ada Lovelace")

    row.get_by_role("button", name="Change address").click()
    answer(page, "Change", Address="countess@example.org")

    expect(row).to_contain_text("countess@example.org is not among the person's addresses")
    sandbox.attio.edit_person(ada, {"email_addresses": [ADA, "countess@example.org"]}, actor="api-token")
    expect(row.get_by_text("in Attio", exact=True)).to_be_visible()


def test_a_customer_subscribes_and_cancels(page: Page, url: str, sandbox: Sandbox, ada: str) -> None:
    page.goto(url)
    row = open_row(page, "customers", "Ada Lovelace")

    row.get_by_role("button", name="Subscribe").click()
    answer(page, "Subscribe", Product="Pro", Currency="jpy")
    expect(row).to_contain_text("¥2,900 a month")
    row.get_by_role("button", name="Cancel").click()
    answer(page, "Cancel at period end")

    expect(row.get_by_text("canceling").first).to_be_visible()
    expect(row.get_by_role("button", name="Uncancel")).to_be_visible()
    (held,) = sandbox.polar.subscriptions
    assert (held.cancel_at_period_end, held.reason, held.currency) == (True, "too_expensive", "jpy")


def test_a_customer_who_is_deleted_leaves_polar_and_stays_in_attio(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)

    open_row(page, "customers", "Ada Lovelace").get_by_role("button", name="Delete").click()
    answer(page, "Delete")

    expect(page.locator("#customers-count")).to_have_text("0 customers")
    expect(rows(page, "customers")).to_have_count(0)
    expect(rows(page, "people")).to_contain_text("Ada Lovelace")
    assert not sandbox.polar.customers


def test_what_polar_refuses_is_said_in_the_dialog_and_can_be_mended(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)
    page.get_by_role("button", name="Add customer").click()

    answer(page, "Add", Name="Ada", Address=ADA.upper())
    expect(page.get_by_role("alert")).to_have_text("Another customer holds this email.")
    answer(page, "Add", Address="ada@example.org")

    expect(page.get_by_role("dialog")).to_be_hidden()
    assert len(sandbox.polar.customers) == 2


def test_a_name_typed_by_a_person_is_marked_as_typed_and_is_no_difference(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)
    row = open_row(page, "people", "Ada Lovelace")
    expect(row.get_by_title("The name was written by the API")).to_be_visible()

    row.get_by_role("button", name="Edit").click()
    answer(page, "Save", Value="Countess Ada")

    edited = rows(page, "people").filter(has_text="Countess Ada")
    expect(edited.get_by_title("The name was written by a person")).to_be_visible()
    expect(rows(page, "customers").get_by_text("in Attio", exact=True)).to_be_visible()
    newest = sandbox.attio.value_history(ada, "name")[-1]
    assert newest["created_by_actor"] == {"type": "workspace-member", "id": sandbox.attio.member_id}


def test_a_person_whose_polar_id_is_cleared_is_known_by_address_alone(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)

    open_row(page, "people", "Ada Lovelace").get_by_role("button", name="Clear Polar id").click()
    answer(page, "Clear")

    expect(rows(page, "customers").get_by_text("differs", exact=True)).to_be_visible()
    assert "polar_customer_id" not in sandbox.attio.person(ada).values


def test_two_people_are_merged_into_one(page: Page, url: str, sandbox: Sandbox, ada: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Add person").click()
    answer(page, "Add", Name="Countess", Address="ada@gmail.com")
    expect(rows(page, "people")).to_have_count(2)

    open_row(page, "people", "Ada Lovelace").get_by_role("button", name="Merge").click()
    expect(page.get_by_text("Choose who goes into Ada Lovelace.")).to_be_visible()
    rows(page, "people").filter(has_text="Countess").get_by_role("button").first.click()
    answer(page, "Merge")

    expect(rows(page, "people")).to_have_count(1)
    expect(rows(page, "people")).to_contain_text(f"{ADA}, ada@gmail.com")
    (merged,) = sandbox.attio.people()
    assert merged.id != ada


def test_pointing_at_a_customer_marks_its_person_and_the_other_way_round(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")
    sandbox.attio.add_person(emails=["grace@example.org"], name="Rear Admiral")
    page.goto(url)
    marked = page.locator("li.linked .name")

    rows(page, "customers").filter(has_text="Grace Hopper").hover()
    expect(marked).to_have_text(["Grace Hopper", "Rear Admiral"])
    rows(page, "people").filter(has_text="Ada Lovelace").hover()
    expect(marked).to_have_text(["Ada Lovelace", "Ada Lovelace"])
    page.get_by_role("heading", name="Sandbox").hover()
    expect(marked).to_have_count(0)


def test_the_keyboard_alone_reaches_a_row_and_its_buttons(page: Page, url: str, sandbox: Sandbox, ada: str) -> None:
    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")
    page.goto(url)
    rows(page, "customers").first.get_by_role("button").focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(rows(page, "customers").nth(1)).to_have_class(re.compile(r"\bopen\b"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog", name="Rename customer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_changes_from_elsewhere_show_by_themselves_and_leave_the_open_row_alone(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    page.goto(url)
    row = open_row(page, "customers", "Ada Lovelace")
    button = row.get_by_role("button", name="Rename")
    button.focus()
    button.evaluate("element => { element.untouched = true; }")

    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")

    expect(rows(page, "customers")).to_have_count(2)
    expect(button).to_be_focused()
    assert button.evaluate("element => element.untouched")


def test_the_address_of_a_person_selects_it_even_far_down_the_list(
    page: Page, url: str, sandbox: Sandbox, ada: str
) -> None:
    for number in range(60):
        sandbox.attio.add_person(emails=[f"person-{number}@example.org"], name=f"Person {number}")
    path = sandbox.attio.person(ada).url.removeprefix("https://app.attio.com")

    page.goto(f"{url}{path}")

    row = page.locator("#people li.open")
    expect(row).to_contain_text("Ada Lovelace")
    expect(row).to_be_in_viewport()
    expect(page.locator("#people-count")).to_have_text("newest 50 of 61 people")


def test_markup_in_a_name_is_text(page: Page, url: str, sandbox: Sandbox) -> None:
    name = "<img src=x onerror=\"document.title='owned'\">"
    sandbox.polar.add_customer(email=ADA, name=name)
    sandbox.attio.add_person(emails=[ADA], name=name)
    page.goto(url)

    expect(rows(page, "customers").locator(".name")).to_have_text(name)
    expect(rows(page, "people").locator(".name")).to_have_text(name)
    expect(page).to_have_title("Sandbox: Polar and Attio")


def test_search_narrows_both_sides_and_more_is_shown_on_request(page: Page, url: str, sandbox: Sandbox) -> None:
    for number in range(120):
        sandbox.polar.add_customer(email=f"customer-{number}@example.org", name=f"Customer {number}")
    page.goto(url)
    expect(rows(page, "customers")).to_have_count(50)

    page.get_by_role("button", name="Show more").click()
    expect(rows(page, "customers")).to_have_count(120)
    page.get_by_role("searchbox", name="Search customers").fill("customer-11")

    expect(page.locator("#customers-count")).to_have_text("11 customers found")


def test_a_switch_makes_a_service_fail_and_a_fault_from_elsewhere_can_be_switched_off(
    page: Page, url: str, sandbox: Sandbox
) -> None:
    page.goto(url)
    switch = page.get_by_role("switch", name="Attio down")

    switch.click()
    expect(switch).to_be_checked()
    assert [fault.service for fault in sandbox.faults.active().values()] == ["attio"]
    switch.click()
    expect(switch).not_to_be_checked()

    sandbox.faults.add(Fault(kind=Kind.RESET, service="polar"))
    page.get_by_role("button", name="reset · polar").click()
    expect(page.get_by_role("button", name="reset · polar")).to_have_count(0)
    assert not sandbox.faults.active()


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_the_page(page: Page, url: str, sandbox: Sandbox, width: int, scheme: str) -> None:
    sandbox.fill(customers=300, seed=1)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(url)
    rows(page, "customers").nth(8).get_by_role("button").click()
    rows(page, "people").first.get_by_role("button").click()
    expect(page.locator("#people li.open")).to_be_visible()

    for part in ("html", "#customers", "#people"):
        element = page.locator(part)
        assert element.evaluate("element => element.scrollWidth <= element.clientWidth"), part
