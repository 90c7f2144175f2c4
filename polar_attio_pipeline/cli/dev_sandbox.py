"""The sandbox of `polar-attio dev`: its page shows the pipeline that runs beside it. A process of its own."""

import argparse
from collections.abc import Sequence

from polar_attio_pipeline.cli.dagster_ui import DagsterUi
from polar_attio_pipeline.cli.dev_pipeline import DevPipeline
from polar_attio_pipeline.sandbox import server


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the sandbox until interrupted, as `python -m polar_attio_pipeline.sandbox` does.

    Args:
        arguments: Dagster's address, the ledger, and the sandbox's own arguments; None: those of this process.
    """
    parser = argparse.ArgumentParser(prog="python -m polar_attio_pipeline.cli.dev_sandbox", description=__doc__)
    parser.add_argument("--dagster-url", required=True, help="of Dagster's UI")
    parser.add_argument("--ledger", required=True, help="path or URL of the pipeline's database")
    given, rest = parser.parse_known_args(arguments)
    pipeline = DevPipeline(DagsterUi(given.dagster_url), given.ledger)
    server.main(["--dagster-url", given.dagster_url, *rest], pipeline=pipeline)


if __name__ == "__main__":
    main()
