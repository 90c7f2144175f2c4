"""Every test that the suite names is there, and mutmut is told of it in a copy of the project."""

import tomllib
from pathlib import Path

from polar_attio_pipeline_tests.mutants.running import copy
from polar_attio_pipeline_tests.mutants.suite import CHOSEN, LEFT_OUT, PACKAGE, RULES, TESTS, modules

ROOT = Path(__file__).parents[2]


def test_each_pattern_of_the_rules_has_modules_and_none_is_named_twice() -> None:
    found = modules(ROOT)

    assert all(any((ROOT / PACKAGE).glob(pattern)) for pattern in RULES)
    assert len(found) == len({*found})
    assert [path for path in found if not (ROOT / path).is_file()] == []


def test_the_tests_that_the_suite_names_are_there() -> None:
    assert [path for path in (*CHOSEN, *LEFT_OUT) if not (ROOT / TESTS / path).exists()] == []


def test_a_copy_of_the_project_has_the_suite_as_mutmuts_settings_and_keeps_results(tmp_path: Path) -> None:
    result = tmp_path / "copy" / "mutants" / "result"
    result.parent.mkdir(parents=True)
    result.touch()

    for _ in range(2):
        copy(ROOT, tmp_path / "copy")

    written = tomllib.loads((tmp_path / "copy" / "pyproject.toml").read_text(encoding="utf-8"))
    assert written["tool"]["mutmut"]["only_mutate"] == modules(ROOT)
    assert (tmp_path / "copy" / PACKAGE / "sync" / "names.py").exists()
    assert result.exists()
