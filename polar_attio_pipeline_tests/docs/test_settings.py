"""The documented settings are those that there are, with their defaults."""

import pytest

from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.names import names_of_files
from polar_attio_pipeline_tests.docs.settings import examples, kind, settings_parts, shown_default, table

EXAMPLE = examples((ROOT / ".env.example").read_text(encoding="utf-8"))
BY_KEY = {"attio_slug", "attio_company_slug"}
"""Settings that are set one key at a time."""


def test_the_page_is_up_to_date() -> None:
    (part,) = settings_parts()
    content = (ROOT / part.path).read_text(encoding="utf-8")

    assert part.put_into(content) == content, "docs/settings.md does not list the settings: run make docs"


def test_every_setting_has_a_meaning() -> None:
    assert [row for row in table().splitlines() if row.endswith("|  |")] == []


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - BY_KEY))
def test_the_example_shows_every_setting_with_its_default(name: str) -> None:
    assert EXAMPLE.get(name.upper()) == shown_default(Settings.model_fields[name])


def test_the_example_shows_no_other_name() -> None:
    names = {*(name.upper() for name in Settings.model_fields), *names_of_files()}

    assert [name for name in EXAMPLE if name not in names and "_SLUG__" not in name] == []


def test_a_number_is_shown_with_its_bounds_and_a_choice_with_its_values() -> None:
    fields = Settings.model_fields

    assert kind(fields["polar_attio_hourly_minute"]) == "whole number, at least 1, at most 59"
    assert kind(fields["polar_attio_who"]) == "`everybody` or `ever-paid` or `pays-now`"
    assert kind(fields["attio_api_key"]) == "secret"
    assert kind(fields["polar_attio_start_date"]) == "day"
