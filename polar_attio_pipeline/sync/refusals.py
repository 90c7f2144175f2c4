"""Which writes are not made again: the CRM has refused just these, and nothing has changed since."""

from polar_attio_pipeline.sync.planning import Plan, fingerprint


def mark(due: Plan, *, refused_in: str, partly: bool = False) -> str:
    """Return what goes on record of a plan that the CRM has refused.

    Args:
        due: The plan.
        refused_in: As in `Services`.
        partly: Whether the CRM has taken everything else of the customer.
    """
    # What is left empty is part of the sentence on record, which is repeated where the mark is the same.
    beside = repr(sorted(due.left_empty.items())) if partly else ""
    return fingerprint(due, salt=f"{refused_in}{beside}")


def is_known(due: Plan, before: str, *, refused_in: str) -> bool:
    """Tell whether a plan would not be sent.

    Args:
        due: A plan that writes.
        before: The mark that is on record of the customer; empty where there is none.
        refused_in: As in `Services`.
    """
    return before in {mark(due, refused_in=refused_in), mark(due, refused_in=refused_in, partly=True)}
