"""The table of mutants, out of files as mutmut writes them."""

import json
from collections.abc import Mapping
from pathlib import Path

from polar_attio_pipeline_tests.mutants.scores import read, report
from polar_attio_pipeline_tests.mutants.suite import PACKAGE


def left_by_mutmut(folder: Path, module: str, codes: Mapping[str, int | None]) -> None:
    file = folder / PACKAGE / f"{module}.py.meta"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"exit_code_by_key": codes}), encoding="utf-8")


def test_each_module_has_a_line_and_each_mutant_that_lives_is_named(tmp_path: Path) -> None:
    names = "polar_attio_pipeline.sync.names"
    left_by_mutmut(
        tmp_path,
        "sync/names",
        {
            f"{names}.x_written__mutmut_1": 1,
            f"{names}.x_written__mutmut_2": 0,
            f"{names}.x_written__mutmut_3": 0,
            f"{names}.xǁNamesǁ_joined__mutmut_4": 33,
        },
    )
    left_by_mutmut(tmp_path, "sync/emails", {"emails.x_key__mutmut_1": 1, "emails.x_key__mutmut_2": 36})
    left_by_mutmut(tmp_path, "sync/ports", {})

    assert report(read(tmp_path)).splitlines() == [
        "| module | mutants | killed | timed out | survived | untested | not run | score |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| sync/emails | 2 | 1 | 1 | 0 | 0 | 0 | 100% |",
        "| sync/names | 4 | 1 | 0 | 2 | 1 | 0 | 25% |",
        "| all | 6 | 2 | 1 | 2 | 1 | 0 | 50% |",
        "",
        "- sync/names: `written` 2, 3; `Names._joined` 4",
    ]


def test_a_mutant_that_was_not_run_counts_neither_way(tmp_path: Path) -> None:
    left_by_mutmut(tmp_path, "sync/names", {"names.x_key__mutmut_1": 1, "names.x_key__mutmut_2": None})

    assert "| sync/names | 2 | 1 | 0 | 0 | 0 | 1 | 100% |" in report(read(tmp_path))
