"""The statuses of customers, as the documentation lists them."""

from polar_attio_pipeline.sync.status import STATUS_RULES
from polar_attio_pipeline_tests.docs.attributes import Part


def statuses() -> Part:
    """Return the table of statuses, best first, and where it stands."""
    rows = "\n".join(f"| {status.value} | {rule} |" for status, rule in STATUS_RULES.items())
    return Part(
        "docs/billing.md",
        "<!-- statuses: written by make docs -->",
        "<!-- end of statuses -->",
        f"\n| Status | When |\n| --- | --- |\n{rows}\n",
    )
