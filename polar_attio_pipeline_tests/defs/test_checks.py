"""The check on every customer: green, amber and red, and what it shows of whom."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs.checks import judge_customers
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

ID = "00000000-0000-4000-8000-{:012}"
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def outcome(number: int, result: Result = Result.UNCHANGED, reason: Reason | None = None, detail: str = "") -> Outcome:
    return Outcome(
        customer_id=ID.format(number),
        email=f"c{number}@example.com",
        result=result,
        created_at=NOON,
        reason=reason,
        detail=detail or None,
        urls=(f"https://app.attio.com/acme/person/{number}a", f"https://app.attio.com/acme/person/{number}b"),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def check(ledger: Ledger, *, share: float = 0.05) -> dg.AssetCheckResult:
    link = partial(customer_url, api_url="https://api.polar.sh", slug="acme")
    options = PassOptions(failed_error_share=share)
    return judge_customers(LedgerResource.at(SecretStr(ledger.name)), options, link)


def text(result: dg.AssetCheckResult, name: str) -> str:
    return str(result.metadata[name].value)


def test_green_on_an_empty_ledger(ledger: Ledger) -> None:
    result = check(ledger)

    assert result.passed
    assert result.metadata["share"].value == 0
    assert text(result, "list") == "none"


def test_green_when_everybody_is_in_attio(ledger: Ledger) -> None:
    ledger.record([outcome(number) for number in range(3)], pass_id="run")

    result = check(ledger)

    assert result.passed
    assert result.description == "Every customer is in Attio."
    assert result.metadata["customers"].value == result.metadata["in Attio and up to date"].value == 3


@pytest.mark.parametrize(
    ("failed", "severity"),
    [(1, dg.AssetCheckSeverity.WARN), (5, dg.AssetCheckSeverity.WARN), (6, dg.AssetCheckSeverity.ERROR)],
)
def test_amber_up_to_the_share_and_red_above_it(ledger: Ledger, failed: int, severity: dg.AssetCheckSeverity) -> None:
    good = [outcome(number) for number in range(100 - failed)]
    bad = [outcome(100 + number, Result.REJECTED, Reason.NO_EMAIL) for number in range(failed)]
    ledger.record([*good, *bad], pass_id="run")

    result = check(ledger)

    assert not result.passed
    assert result.severity is severity
    assert (result.description or "").startswith(f"{failed} of 100 customers are not in Attio as they should be.\n\n|")


def test_its_numbers_add_up_and_tell_bad_data_from_a_service_that_fails(ledger: Ledger) -> None:
    good = [outcome(number) for number in range(5)]
    bad = [
        outcome(5, Result.REJECTED, Reason.NO_EMAIL),
        outcome(6, Result.REJECTED, Reason.NO_EMAIL),
        outcome(7, Result.REJECTED, Reason.NOT_TAKEN),
    ]
    ledger.record([*good, *bad], pass_id="run")

    metadata = check(ledger).metadata

    numbers = {name: value.value for name, value in metadata.items() if name not in {"list", "by reason"}}
    assert numbers == {
        "customers": 8,
        "in Attio and up to date": 5,
        "not in Attio or out of date": 3,
        "share": 0.375,
        "because of their data": 2,
        "because of a service": 1,
    }
    assert metadata["by reason"].value == "no_email 2, attio_could_not_take 1"


@pytest.mark.parametrize("place", ["description", "list"])
def test_whom_it_concerns_is_shown_with_links_into_both_services_the_reason_and_what_to_do(
    ledger: Ledger, place: str
) -> None:
    two = outcome(1, Result.AMBIGUOUS, Reason.TWO_RECORDS, "Two people hold it. Merge them in Attio.")
    ledger.record([two], pass_id="run")

    result = check(ledger)

    shown = result.description or "" if place == "description" else text(result, "list")
    assert f"[00000000](https://polar.sh/dashboard/acme/customers/{ID.format(1)})" in shown
    assert "two_records" in shown
    assert "Merge them in Attio." in shown
    assert "[open](https://app.attio.com/acme/person/1a) [open](https://app.attio.com/acme/person/1b)" in shown
    assert "@" not in shown


def test_what_attio_said_of_a_value_is_not_shown_because_it_may_quote_it(ledger: Ledger) -> None:
    said = 'Attio refused email_addresses: "c1@example.com" is no address. Mend the value in Polar.'
    ledger.record([outcome(1, Result.REJECTED, Reason.REFUSED, said)], pass_id="run")

    result = check(ledger)

    assert "Attio refused email_addresses." in text(result, "list")
    assert "c1@example.com" not in text(result, "list") + (result.description or "")


def test_a_long_list_is_cut_and_says_so(ledger: Ledger) -> None:
    ledger.record([outcome(n, Result.REJECTED, Reason.NO_EMAIL) for n in range(103)], pass_id="run")

    result = check(ledger)

    assert text(result, "list").count("| rejected |") == 100
    assert text(result, "list").endswith("and 3 more, in the ledger table outcomes")
    assert (result.description or "").count("| rejected |") == 10
    assert (result.description or "").endswith("and 93 more, in the ledger table outcomes")
