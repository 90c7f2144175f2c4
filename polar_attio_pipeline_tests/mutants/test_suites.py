"""Every rule is in one suite, and every test that a suite names is there."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from polar_attio_pipeline_tests.mutants.running import copy
from polar_attio_pipeline_tests.mutants.suites import ALL, PACKAGE, SUITES, TESTS, Suite, modules

ROOT = Path(__file__).parents[2]


def test_each_module_of_the_rules_is_in_one_suite() -> None:
    rules = {str(path.relative_to(ROOT)) for pattern in ALL for path in (ROOT / PACKAGE).glob(pattern)}

    assert Counter(module for suite in SUITES for module in modules(suite, ROOT)) == Counter(rules)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_tests_that_a_suite_names_are_there(suite: Suite) -> None:
    assert [path for path in (*suite.tests, *suite.left_out) if not (ROOT / TESTS / path).exists()] == []


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_copy_of_the_project_has_the_suite_as_mutmuts_settings_and_keeps_results(
    suite: Suite, tmp_path: Path
) -> None:
    result = tmp_path / "copy" / "mutants" / "result"
    result.parent.mkdir(parents=True)
    result.touch()

    for _ in range(2):
        copy(ROOT, suite, tmp_path / "copy")

    written = tomllib.loads((tmp_path / "copy" / "pyproject.toml").read_text(encoding="utf-8"))
    assert written["tool"]["mutmut"]["only_mutate"] == modules(suite, ROOT)
    assert (tmp_path / "copy" / PACKAGE / "sync" / "names.py").exists()
    assert result.exists()
