"""Brings the generated parts of the documentation up to date: `make docs`."""

from polar_attio_pipeline_tests.docs.attributes import ROOT, parts, write
from polar_attio_pipeline_tests.docs.billing import statuses
from polar_attio_pipeline_tests.docs.companies import company_parts
from polar_attio_pipeline_tests.docs.licences import page as licences
from polar_attio_pipeline_tests.docs.mapping import mapping_parts
from polar_attio_pipeline_tests.docs.messages import page_parts
from polar_attio_pipeline_tests.docs.settings import settings_parts
from polar_attio_pipeline_tests.docs.site import llms_parts


def main() -> None:
    """Write, and name what has changed."""
    generated = [*parts(), *company_parts(), statuses(), licences(), *mapping_parts(), *page_parts(), *settings_parts()]
    # The list of pages quotes them, so they come first.
    changed = [*write(ROOT, generated), *write(ROOT, llms_parts())]
    print("\n".join(changed) or "Everything is up to date.")  # noqa: T201  # a command's answer


if __name__ == "__main__":
    main()
