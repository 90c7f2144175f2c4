"""The documented attributes of companies are those that are declared."""

import pytest

from polar_attio_pipeline_tests.docs.attributes import ROOT, Part
from polar_attio_pipeline_tests.docs.companies import company_parts


@pytest.mark.parametrize("part", company_parts(), ids=lambda part: part.path)
def test_the_page_is_up_to_date(part: Part) -> None:
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, f"{part.path} does not list the attributes of companies: run make docs"
