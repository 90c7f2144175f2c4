"""A plan that is kept in a file, so that a person can agree to it and have exactly that written.

The file holds personal data: what each customer's person holds and would hold. Only its owner can read it.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polar_attio_pipeline.hours import key
from polar_attio_pipeline.passes.guards import ORGANIZATION_FACT, GuardError
from polar_attio_pipeline.passes.plan_document import (
    FORMAT,
    KIND,
    PlanFormError,
    approved,
    checksum,
    entries,
    moment,
    parse,
    text_of,
)
from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.approval import Approved


class PlanFileError(GuardError):
    """A file with a plan cannot be written, or must not be applied; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as its file has it.

    Attributes:
        made_at: When it was made, UTC.
        organization_id: Of Polar; None where no customer said it.
        workspace_id: Of Attio; None where the key does not say it.
        hours: The first and the last hour that it is about, as partition keys; None for all customers.
        counts: Customers by what would be done.
        customers: What is to be written for each customer for whom something is.
        deleted: The same of people whose customer was deleted in Polar.
    """

    made_at: datetime
    organization_id: str | None
    workspace_id: str | None
    hours: tuple[str, str] | None
    counts: Mapping[str, int]
    customers: tuple[Approved, ...]
    deleted: tuple[Approved, ...] = ()

    @property
    def sha256(self) -> str:
        """The checksum of its content: two plans that say the same at the same time have the same."""
        return checksum(_content(self))


def plan_file(context: PassContext, found: Preview, starts: Sequence[datetime] = ()) -> PlanFile:
    """Return a preview as a plan to keep.

    Args:
        context: With which the preview was made.
        found: The preview.
        starts: The hours that it is about; none for all customers.
    """
    return PlanFile(
        made_at=datetime.now(UTC),
        organization_id=found.organization_id or context.ledger.fact(ORGANIZATION_FACT),
        workspace_id=context.attio.workspace.info.workspace_id,
        hours=(key(starts[0]), key(starts[-1])) if starts else None,
        counts=found.counts(),
        customers=tuple(
            Approved(plan.customer.id, plan.match.person.record_id if plan.match.person else None, plan.changes)
            for plan in found.plans
            if plan.writes
        ),
        deleted=tuple(
            Approved(person.customer_id or "", person.record_id, changes) for person, changes in found.deletions
        ),
    )


def check_writable(path: Path, *, force: bool = False) -> None:
    """Check that a plan can be saved there, before the minutes that it takes to make one.

    Raises:
        PlanFileError: the file exists, or its folder does not or cannot be written to.
    """
    if path.is_dir():
        raise PlanFileError(f"{path} is a folder: name a file.")
    if os.path.lexists(path) and not force:
        raise PlanFileError(f"{path} exists already. Name another file, or add --force to write over it.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise PlanFileError(f"The folder {folder} does not exist: make it, or name another file.")
    if not os.access(folder, os.W_OK):
        raise PlanFileError(f"The folder {folder} cannot be written to: name a file somewhere else.")


def save(plan: PlanFile, path: Path, *, force: bool = False) -> None:
    """Write a plan to a file that only its owner can read; the whole of it, or nothing.

    Args:
        plan: The plan.
        path: Where to.
        force: Whether to write over a file that exists.

    Raises:
        PlanFileError: the file exists, or cannot be written.
    """
    check_writable(path, force=force)
    text = text_of(_content(plan))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)  # noqa: PTH105  # a name, not a Path
        except BaseException:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108  # as above
            raise
    except OSError as error:
        raise PlanFileError(f"The plan cannot be written to {path}: {error.strerror}.") from None


def load(path: Path) -> PlanFile:
    """Read a plan out of its file.

    Raises:
        PlanFileError: it cannot be read, is no plan, of another version of this program, cut, or edited.
    """
    try:
        document = parse(path.read_text(encoding="utf-8"))
        return PlanFile(
            made_at=moment(document.made_at),
            organization_id=document.organization_id,
            workspace_id=document.workspace_id,
            hours=(document.covers.first_hour, document.covers.last_hour) if document.covers else None,
            counts=document.counts,
            customers=tuple(approved(document.customers)),
            deleted=tuple(approved(document.deleted)),
        )
    except OSError as error:
        raise PlanFileError(f"The plan {path} cannot be read: {error.strerror}.") from None
    except (PlanFormError, UnicodeDecodeError) as error:
        why = error if isinstance(error, PlanFormError) else "it is no text"
        raise PlanFileError(
            f"The plan {path} is not applied, because {why}. Nothing was written. Make a new one with `polar-attio "
            "plan --out FILE`; to apply a part of one, use `polar-attio apply --only CUSTOMER`."
        ) from None


def _content(plan: PlanFile) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": FORMAT,
        "made_at": plan.made_at.isoformat(),
        "organization_id": plan.organization_id,
        "workspace_id": plan.workspace_id,
        "covers": {"first_hour": plan.hours[0], "last_hour": plan.hours[1]} if plan.hours else None,
        "counts": dict(plan.counts),
        "customers": entries(plan.customers),
        "deleted": entries(plan.deleted),
    }
