"""`polar-attio demo`: the main job, once, against the local sandbox, with an account of what happened."""


def demo() -> None:
    """Run the main job once against a local sandbox of both services; needs no account and leaves no file."""
    # Dagster and the sandbox take seconds to import, which no other command needs.
    from polar_attio_pipeline.cli.demo_run import run  # noqa: PLC0415

    run()
