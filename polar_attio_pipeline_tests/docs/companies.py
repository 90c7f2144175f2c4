"""The attributes of companies, as the documentation lists them."""

from polar_attio_pipeline.attio.companies import COMPANIES
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline_tests.docs.attributes import Part, settings, table


def company_parts() -> tuple[Part, ...]:
    """Return the table of attributes and the settings that rename them, and where they stand."""
    begin, end = "<!-- companies: written by make docs -->", "<!-- end of companies -->"
    return (
        Part("docs/companies.md", begin, end, f"\n{table(COMPANY_ATTRIBUTES)}\n"),
        Part(
            ".env.example",
            "# (companies, written by make docs)",
            "# (end of companies)",
            settings(COMPANIES, COMPANY_ATTRIBUTES),
        ),
    )
