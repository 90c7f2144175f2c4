"""What a run of mutmut found, module by module, out of the files that it leaves in `mutants/`."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from polar_attio_pipeline_tests.faults.report import table
from polar_attio_pipeline_tests.mutants.suite import PACKAGE


class End(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    UNTESTED = "untested"
    UNKNOWN = "not run"


_FUNCTION = re.compile(r"^.*\.x(_|ǁ)")
"""What stands before the name of a function, or of a class and its method, in the name of a mutant."""

_ENDS: dict[int | None, End] = {
    0: End.SURVIVED,
    1: End.KILLED,
    3: End.KILLED,
    5: End.UNTESTED,
    33: End.UNTESTED,
    24: End.TIMED_OUT,
    -24: End.TIMED_OUT,
    36: End.TIMED_OUT,
    152: End.TIMED_OUT,
    255: End.TIMED_OUT,
}
"""By the exit codes of `mutmut.stats`; any other means that the mutant was not judged."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one module's mutants.

    Attributes:
        module: Its name within the package.
        ends: How each of its mutants ended, by the mutant's name.
    """

    module: str
    ends: Mapping[str, End]

    def count(self, end: End) -> int:
        """How many ended so."""
        return Counter(self.ends.values())[end]

    def named(self, end: End) -> list[str]:
        """The names of those that ended so, as `mutmut show` takes them."""
        return [name for name, ended in self.ends.items() if ended is end]

    @property
    def share(self) -> str:
        """Mutants that tests caught, by failing or by not ending, among those that were run."""
        judged = len(self.ends) - self.count(End.UNKNOWN)
        caught = self.count(End.KILLED) + self.count(End.TIMED_OUT)
        return f"{caught / judged:.0%}" if judged else ""


def read(folder: Path) -> list[Score]:
    """Return the score of each module that has mutants."""
    root = folder / PACKAGE
    scores = [_score(str(file.relative_to(root)).removesuffix(".py.meta"), file) for file in root.rglob("*.meta")]
    return [score for score in scores if score.ends]


def report(scores: Iterable[Score]) -> str:
    """Return the scores as a table in Markdown, the sum last, followed by the mutants that no test killed."""
    known = sorted(scores, key=lambda score: score.module)
    every = Score("all", {name: end for score in known for name, end in score.ends.items()})
    rows = [
        [score.module, str(len(score.ends)), *(str(score.count(end)) for end in End), score.share]
        for score in [*known, every]
    ]
    return "\n".join([table(("module", "mutants", *End, "score"), rows), "", *_left(known)])


def _left(scores: Iterable[Score]) -> Iterator[str]:
    """Yield an item of a list for each module with mutants that no test killed: their numbers by function."""
    for score in scores:
        numbers: dict[str, list[str]] = {}
        for name in [*score.named(End.SURVIVED), *score.named(End.UNTESTED)]:
            function, number = _FUNCTION.sub("", name).replace("ǁ", ".").split("__mutmut_")
            numbers.setdefault(function, []).append(number)
        if numbers:
            functions = "; ".join(f"`{function}` {', '.join(each)}" for function, each in numbers.items())
            yield f"- {score.module}: {functions}"


def _score(module: str, file: Path) -> Score:
    codes: dict[str, int | None] = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return Score(module, {name: _ENDS.get(code, End.UNKNOWN) for name, code in codes.items()})
