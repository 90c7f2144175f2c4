"""A pass over all customers on a machine of its own: `python -m polar_attio_pipeline_tests.postgres.elsewhere`.

It is what `polar-attio sync` does, with the settings of the environment; only the times of the lease are a fifteenth
of the usual ones, so that a test need not wait for a minute and a half.
"""

import logging
from dataclasses import replace
from functools import partial

from polar_attio_pipeline.cli.reports import package_logs
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.lease import BEAT_SECONDS, DEAD_SECONDS, SAFE_SECONDS, Timing
from polar_attio_pipeline.passes.progress import Event
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.settings import Settings

_FASTER = 15

TIMING = Timing(beat=BEAT_SECONDS / _FASTER, dead=DEAD_SECONDS / _FASTER, safe=SAFE_SECONDS / _FASTER, poll=0.05)


def main() -> None:
    """Run the pass and say what it reports."""
    say = partial(print, flush=True)

    def report(event: Event) -> None:
        for sentence in sentences(event):
            say(sentence)

    async def work(stop: Stop) -> None:
        async with connected(Settings(), reason="another machine", report=report) as context:
            await reconcile(replace(context, stop=stop, timing=TIMING))

    with package_logs(say, level=logging.INFO):
        run_until_stopped(work)


if __name__ == "__main__":
    main()
