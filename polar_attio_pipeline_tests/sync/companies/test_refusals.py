"""What is said of a company of which the CRM has refused values."""

from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.companies.planning import Candidate, CompanyPlan
from polar_attio_pipeline.sync.companies.refusals import CarriedCompany
from polar_attio_pipeline.sync.outcomes import Reason, Result

PLAN = CompanyPlan(Candidate(("acme.com",), None, "acme.com"), None, (), {"polar_mrr": "it is paid in EUR"})
REFUSALS = ((("polar_customer_count",), "Too big."), (("a", "b"), "Too old."))


def test_each_refusal_is_named_with_what_to_do_and_what_is_left_empty_beside_it() -> None:
    outcome = CarriedCompany(PLAN, CompanyRecord("c1", "", ("acme.com",)), REFUSALS).outcome()

    assert (outcome.result, outcome.reason) == (Result.CREATED, Reason.PARTLY_REFUSED)
    assert outcome.detail == (
        "Attio refused polar_customer_count: Too big. Attio refused a or b: Too old. "
        "Correct the attribute in Attio; the next pass tries again. polar_mrr is left empty: it is paid in EUR."
    )
