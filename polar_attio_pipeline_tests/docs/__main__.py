"""Brings the generated parts of the documentation up to date: `make docs`."""

from polar_attio_pipeline_tests.docs.attributes import ROOT, parts, write
from polar_attio_pipeline_tests.docs.billing import statuses
from polar_attio_pipeline_tests.docs.companies import company_parts
from polar_attio_pipeline_tests.docs.licences import page as licences


def main() -> None:
    """Write, and name what has changed."""
    print("\n".join(write(ROOT, [*parts(), *company_parts(), statuses(), licences()])) or "Everything is up to date.")  # noqa: T201  # a command's answer


if __name__ == "__main__":
    main()
