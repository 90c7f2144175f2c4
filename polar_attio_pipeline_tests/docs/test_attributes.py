"""The documented attributes are those of the mapping, and one command keeps them so."""

from dataclasses import replace
from pathlib import Path

import pytest

from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.mapping import Attribute, Policy
from polar_attio_pipeline.sync.records import Customer, ValueType
from polar_attio_pipeline_tests.docs.attributes import ROOT, Part, parts, write

NOTE: Attribute[Customer] = Attribute(
    key="polar_note",
    title="Polar note",
    description="A note.",
    types=(ValueType.TEXT,),
    policy=Policy.UNLESS_TYPED,
    source="The customer's `note`.",
    value=lambda customer: customer.name,
    scope="notes:read",
)


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.path)
def test_the_page_is_up_to_date(part: Part) -> None:
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, f"{part.path} does not list the attributes of the mapping: run make docs"


def test_an_attribute_gets_a_row_and_a_setting_of_its_own() -> None:
    page, example = (part.text.strip().splitlines()[-1] for part in parts([*ATTRIBUTES, NOTE]))

    assert page.startswith("| `polar_note` | text | optional |")
    assert page.endswith("| A note. | The customer's `note`. | `notes:read` |")
    assert example == "# ATTIO_SLUG__POLAR_NOTE=polar_note"


def test_a_select_lists_its_options() -> None:
    mood = replace(NOTE, types=(ValueType.SELECT, ValueType.TEXT), options=("Good", "Bad"))

    page, _ = (part.text.strip().splitlines()[-1] for part in parts([mood]))

    assert "| select or text; options of the select: Good, Bad |" in page


def test_the_command_writes_between_the_marks_once_and_leaves_the_rest(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for part in parts():
        (tmp_path / part.path).write_text(f"Before.\n{part.begin}\nold\n{part.end}\nAfter.\n")

    assert write(tmp_path) == [part.path for part in parts()]
    assert write(tmp_path) == []
    for part in parts():
        written = (tmp_path / part.path).read_text()
        assert written == f"Before.\n{part.begin}\n{part.text}\n{part.end}\nAfter.\n"


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for part in parts():
        (tmp_path / part.path).write_text("Something else.\n")

    with pytest.raises(ValueError, match=r"docs/attributes\.md lacks the lines"):
        write(tmp_path)

    assert {(tmp_path / part.path).read_text() for part in parts()} == {"Something else.\n"}
