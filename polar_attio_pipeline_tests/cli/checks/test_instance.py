from pathlib import Path

from polar_attio_pipeline.cli.checks.finding import Level
from polar_attio_pipeline.cli.checks.instance import instance


def test_without_an_instance_it_says_that_none_was_looked_at() -> None:
    (finding,) = instance(" ", "")

    assert finding.level is Level.OK
    assert "DAGSTER_HOME is not set" in finding.text


def test_what_an_instance_lacks_is_a_warning(tmp_path: Path) -> None:
    found = {finding.subject: finding for finding in instance(str(tmp_path), "acme")}

    assert found["Dagster pool"].level is found["Dagster monitoring"].level is Level.WARN
    assert "acme_attio" in found["Dagster pool"].text


def test_an_instance_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (finding,) = instance(str(tmp_path / "nowhere"), "")

    assert finding.level is Level.WARN
    assert "cannot be read" in finding.text
