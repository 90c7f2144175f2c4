"""The documented statuses are those of the rules, best first."""

from polar_attio_pipeline.sync.status import STATUS_RULES, Status
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.billing import statuses


def test_the_page_is_up_to_date() -> None:
    content = (ROOT / statuses().path).read_text(encoding="utf-8")

    assert statuses().put_into(content) == content, "docs/billing.md does not list the statuses: run make docs"


def test_the_rules_stand_in_the_order_that_decides() -> None:
    assert list(STATUS_RULES) == list(Status)
