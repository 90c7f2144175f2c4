"""The benchmarks work, and the counts that they show are right. No time is looked at: that is what a bench is for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from polar_attio_pipeline_tests.benchmarks.__main__ import CASES, main
from polar_attio_pipeline_tests.benchmarks.figures import Figure, as_json, from_json, table
from polar_attio_pipeline_tests.benchmarks.page import write_page
from polar_attio_pipeline_tests.benchmarks.plots import Line, plot

SIZES = (1000, 100_000)


@pytest.mark.slow
def test_a_quick_run_counts_what_the_sandbox_saw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    cases = [f"--case={case}" for case in ("hours", "reconciliation", "paying", "backfill", "large import", "runs")]
    main(["--quick", *cases, f"--json={figures}"])
    counted = {(figure.case, figure.what): figure.ours for figure in from_json(figures.read_text())}
    assert counted["hour, 1,000 customers", "quiet: requests to Polar"] == 2
    assert counted["hour, 1,000 customers", "quiet: requests to Attio"] == 3
    assert counted["hour, 1,000 customers", "5 new: writes"] == 5
    assert counted["hour, 1,000 customers", "old: requests to Polar, the worst"] <= 10
    assert counted["reconciliation of 500", "unchanged: writes"] == 0
    assert counted["reconciliation of 500", "unchanged: requests"] <= 10
    assert counted["reconciliation of 500, 100 subscriptions", "unchanged: writes"] == 0
    assert counted["reconciliation of 500, 100 subscriptions", "unchanged: requests"] <= 14
    assert counted["reconciliation of 500", "1 % changed: writes"] == 5
    assert counted["import of 300, no limits", "writes"] == 300
    assert counted["hourly run, nobody new", "writes"] == 0
    assert counted["sensor tick", "time"] > 0
    assert "MISSED" not in capsys.readouterr().out


def test_a_case_that_fails_is_named_and_costs_no_other_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*, quick: bool) -> Iterator[Figure]:
        yield Figure(case="half", what="writes", ours=1)
        raise ValueError(f"quick: {quick}")

    def working(*, quick: bool) -> Iterator[Figure]:
        yield Figure(case="whole", what="writes", ours=1 + quick)

    monkeypatch.setitem(CASES, "hours", failing)
    monkeypatch.setitem(CASES, "backfill", working)
    figures = tmp_path / "figures.json"

    with pytest.raises(SystemExit, match="Cases that failed: hours"):
        main(["--quick", "--case=hours", "--case=backfill", f"--json={figures}"])

    assert "whole" in {figure.case for figure in from_json(figures.read_text())}


def test_a_figure_stands_beside_its_target_and_the_naive_way() -> None:
    missed = Figure(case="hour", what="requests", ours=3, target=2, naive=1500, computed=True)
    kept = Figure(case="import", what="pace", unit="%", ours=97.25, target=95, at="least")
    assert (missed.met, kept.met, Figure(case="a", what="b", ours=1).met) == (False, True, None)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table([missed, kept]).splitlines()]
    assert lines[2] == ["hour", "requests", "3", "≤ 2 MISSED", "", "1,500 (computed)", "500"]
    assert lines[3] == ["import", "pace, %", "97.2", "≥ 95 met", "", "", ""]


def test_the_page_gets_table_and_plots_and_keeps_its_text(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    marks = ("<!-- figures: written by the benchmarks -->", "<!-- end of the figures -->")
    page.write_text(f"Before.\n\n{marks[0]}\nold\n{marks[1]}\n\nAfter.\n")
    figures = [Figure(case="hour", what="5 new: requests in all", ours=10, naive=size, size=size) for size in SIZES]
    write_page(tmp_path, figures)
    written = page.read_text()
    assert written.startswith(f"Before.\n\n{marks[0]}\n")
    assert written.endswith(f"{marks[1]}\n\nAfter.\n")
    assert "| hour | 5 new: requests in all | 10 |" in written
    assert "old" not in written
    assert (tmp_path / "benchmarks-hour.svg").exists()


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text("Something else.\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        write_page(tmp_path, [])


def test_a_plot_has_a_line_for_each_and_says_whose_it_is() -> None:
    lines = [Line("ours", "#00f", [(1000, 10), (100_000, 10)]), Line("naïve & slow", "#f00", [(1000, 1e3), (1e5, 1e5)])]
    drawn = plot("Requests", "requests", lines)
    assert drawn.count("<polyline") == 2
    assert "naïve &amp; slow" in drawn
    assert drawn.count("<circle") == 4


def test_figures_survive_the_file(tmp_path: Path) -> None:
    figures = [Figure(case="hour", what="requests", ours=3, target=2, size=1000)]
    path = tmp_path / "figures.json"
    path.write_text(as_json(figures))
    assert from_json(path.read_text()) == figures
    assert json.loads(path.read_text())["figures"][0]["met"] is False
