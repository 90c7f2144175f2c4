"""The documented scopes are those that the attributes need."""

from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.mapping import mapping_parts, table


def test_the_page_is_up_to_date() -> None:
    (part,) = mapping_parts()
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, "docs/mapping.md does not list the attributes: run make docs"


def test_each_attribute_stands_in_the_row_of_its_scope() -> None:
    rows = {row.split("`")[1]: row for row in table().splitlines()[2:]}

    assert all(f"`{attribute.key}`" in rows[attribute.scope] for attribute in ATTRIBUTES)
    assert len(rows) == len({attribute.scope for attribute in ATTRIBUTES})
