"""What is installed has licences that this project's users can live with, and the page lists them."""

import pytest

from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.licences import EXTRAS, Licence, licences, listed

LISTED = listed((ROOT / "docs" / "licences.md").read_text())


def test_no_dependency_has_a_licence_outside_the_list_of_those_allowed() -> None:
    found = licences()

    assert len(found) > 50
    assert EXTRAS
    assert [one for one in found if not one.is_allowed] == []


def test_every_dependency_of_this_machine_is_on_the_page_with_its_licence() -> None:
    assert {one.package: LISTED.get(one.package) for one in licences()} == {
        one.package: one.expression for one in licences()
    }


def test_the_page_lists_no_package_whose_version_is_not_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}

    assert LISTED.keys() - {name.lower().replace("_", "-").replace(".", "-") for name in pinned} == set()


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND Zlib", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("not stated", False),
    ],
)
def test_of_several_licences_one_that_can_be_chosen_is_enough_and_one_that_must_be_kept_is_not(
    expression: str, is_allowed: bool
) -> None:
    assert Licence("some", expression).is_allowed is is_allowed
