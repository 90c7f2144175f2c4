"""Plans that are applied and taken back in seeded worlds, while members work and passes are killed: `story` says how.

Here are a few of them, the same ones each time; `make worlds` goes through more than a thousand (docs/worlds.md), and
`SEEDED_WORLD=4711` runs that one alone.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from polar_attio_pipeline.passes import apply
from polar_attio_pipeline.sync.undo import judging
from polar_attio_pipeline.sync.undo.values import Effect
from polar_attio_pipeline_tests.worlds.story import Account, live

DEFAULT = 20
ONE = os.environ.get("SEEDED_WORLD")
ENOUGH = 20
"""So many worlds, and a planted fault shows in one of them."""


def test_what_was_agreed_is_written_and_taken_back_and_the_history_has_all_of_it() -> None:
    seeds = [int(ONE)] if ONE else range(1, DEFAULT + 1)

    account = sum((live(seed) for seed in seeds), Account())

    assert ONE or all((account.killed, account.written, account.drifted, account.back, account.kept, account.rows))


def drift_is_never_seen(*_: Any) -> None:
    return None


def undo_never_minds(judge: Callable[..., Any]) -> Callable[..., Any]:
    def judged(effect: Effect, held: Any) -> Any:
        ours = replace(held, actor="api-token") if held else None
        return judge(replace(effect, after=held.value if held else effect.after, later=None, taken_back=False), ours)

    return judged


FAULTS: dict[str, tuple[Any, str, Any, int]] = {
    "what has drifted is written all the same": (apply, "drift_of", drift_is_never_seen, 1),
    "an undo writes over what others have changed": (judging, "judge", undo_never_minds(judging.judge), 18),
}
"""What is wrong then, and a seed at which it shows, or soon after it."""


def some_are_lived(first: int) -> None:
    for seed in range(first, first + ENOUGH):
        live(seed)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_out(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, wrong, first = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)

    with pytest.raises(AssertionError):
        some_are_lived(first)
