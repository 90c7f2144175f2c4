"""Asking a person at a terminal before something is done."""

import sys

import typer

from polar_attio_pipeline.cli.output import fail


def is_terminal() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty()


def insist_on_yes(question: str, *, nothing: str, to: str) -> None:
    """Ask, and end the command unless the answer is yes.

    Args:
        question: What is asked.
        nothing: What is so without a yes, as a sentence without its full stop.
        to: What --yes does without a question.
    """
    if not is_terminal():
        fail(f"{nothing}: there is no terminal to ask at. Add --yes to {to} without a question.")
    if not typer.confirm(question):
        fail(f"{nothing}.")
