"""Puts the figures into the documentation: the table between two marks of the page, and the plots beside it."""

from collections.abc import Sequence
from pathlib import Path

from polar_attio_pipeline_tests.benchmarks.figures import Figure, conditions, table
from polar_attio_pipeline_tests.benchmarks.plots import Line, plot

_BEGIN = "<!-- figures: written by the benchmarks -->"
_END = "<!-- end of the figures -->"

_PLOTS = {
    "benchmarks-requests.svg": (
        "Requests to both services for one pass over unchanged customers",
        "requests",
        "unchanged: requests",
    ),
    "benchmarks-time.svg": ("Time of one pass over unchanged customers at the real limits", "seconds", "unchanged"),
    "benchmarks-hour.svg": ("Requests for an hour with five new people", "requests", "5 new: requests in all"),
}


def write_page(folder: Path, figures: Sequence[Figure]) -> None:
    """Write table and plots into the page `benchmarks.md` of a folder.

    Raises:
        ValueError: the page lacks the marks.
    """
    page = folder / "benchmarks.md"
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the lines between which the figures go: {_BEGIN} and {_END}")
    where = conditions()
    told = f"Measured {where['at'][:10]} with Python {where['python']} on {where['machine']}."
    page.write_text(f"{before}{_BEGIN}\n\n{told}\n\n{_narrow(table(figures))}\n\n{_END}{after}")
    for name, (title, unit, what) in _PLOTS.items():
        shown = [figure for figure in figures if figure.what == what and figure.size]
        if len({figure.size for figure in shown}) > 1:
            (folder / name).write_text(plot(title, unit, _lines(shown)))


def _lines(figures: Sequence[Figure]) -> list[Line]:
    ours, naive = [], []
    for figure in sorted(figures, key=lambda figure: figure.size or 0):
        assert figure.size is not None
        ours.append((figure.size, figure.ours))
        if figure.naive is not None:
            naive.append((figure.size, figure.naive))
    return [Line("one upsert after another", "#b45309", naive), Line("this sync", "#1d4ed8", ours)]


def _narrow(text: str) -> str:
    """Take the padding out: it is for terminals, and would show as changes of every line."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return "\n".join("| " + " | ".join("---" if set(cell) == {"-"} else cell for cell in row) + " |" for row in rows)
