"""Where a notice points to."""

from datetime import timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import NOW, START


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Look:
    return Look(instance, Watched(Names("acme"), START, timedelta(hours=3), "35 3 * * *", "http://ui", str), NOW)


def test_a_place_in_the_ui_is_named_by_its_address(look: Look) -> None:
    assert look.link("automation") == "http://ui/automation"


def test_an_asset_is_found_below_the_prefix_of_its_pipeline(look: Look) -> None:
    assert look.asset_link(Names("acme").people.asset) == "http://ui/assets/acme/attio_people"


def test_companies_are_watched_only_where_they_are_kept(look: Look) -> None:
    assert not look.watched.with_companies
