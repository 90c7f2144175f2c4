"""The check on every customer: green, amber and red, and what it shows of whom."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs.checks import judge_unresolved
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def outcome(number: int, result: Result = Result.UNCHANGED, reason: Reason | None = None, detail: str = "") -> Outcome:
    return Outcome(
        customer_id=f"customer-{number}",
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
    return judge_unresolved(LedgerResource.at(SecretStr(ledger.name)), PassOptions(failed_error_share=share))


def text(result: dg.AssetCheckResult, name: str) -> str:
    return str(result.metadata[name].value)


def test_green_on_an_empty_ledger(ledger: Ledger) -> None:
    result = check(ledger)

    assert result.passed
    assert result.metadata["share"].value == 0
    assert text(result, "customers") == "none"


def test_green_when_everybody_is_in_attio(ledger: Ledger) -> None:
    ledger.record([outcome(number) for number in range(3)], pass_id="run")

    result = check(ledger)

    assert result.passed
    assert result.description == "Every customer is in Attio."
    assert result.metadata["unchanged"].value == 3


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
    assert result.description == f"{failed} of 100 customers are not in Attio as they should be."


def test_whom_it_concerns_is_shown_with_the_reason_what_to_do_and_every_record_involved(ledger: Ledger) -> None:
    two = outcome(1, Result.AMBIGUOUS, Reason.TWO_RECORDS, "Two people hold it. Merge them in Attio.")
    ledger.record([two], pass_id="run")

    shown = text(check(ledger), "customers")

    assert "`customer-1`" in shown
    assert "two_records" in shown
    assert "Merge them in Attio." in shown
    assert "[open](https://app.attio.com/acme/person/1a) [open](https://app.attio.com/acme/person/1b)" in shown
    assert "@" not in shown


def test_what_attio_said_of_a_value_is_not_shown_because_it_may_quote_it(ledger: Ledger) -> None:
    said = 'Attio refused email_addresses: "c1@example.com" is no address. Mend the value in Polar.'
    ledger.record([outcome(1, Result.REJECTED, Reason.REFUSED, said)], pass_id="run")

    shown = text(check(ledger), "customers")

    assert "Attio refused email_addresses." in shown
    assert "c1@example.com" not in shown


def test_a_long_list_is_cut_and_says_so(ledger: Ledger) -> None:
    ledger.record([outcome(n, Result.REJECTED, Reason.NO_EMAIL) for n in range(103)], pass_id="run")

    shown = text(check(ledger), "customers")

    assert shown.count("`customer-") == 100
    assert shown.endswith("and 3 more, in the ledger table outcomes")
