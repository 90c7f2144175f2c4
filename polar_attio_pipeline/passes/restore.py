"""Restoring a backup of the ledger, between two passes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline.attio.attributes import identify
from polar_attio_pipeline.connections import attio_of, polar_of
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.backup import examine, only_in
from polar_attio_pipeline.ledger.contents import Contents
from polar_attio_pipeline.ledger.errors import NoLedgerError
from polar_attio_pipeline.ledger.ledger import PATIENCE
from polar_attio_pipeline.ledger.location import Location
from polar_attio_pipeline.ledger.restore import UNUSABLE, put_back
from polar_attio_pipeline.passes.approvals import APPROVED_FACT
from polar_attio_pipeline.passes.guards import ORGANIZATION_FACT, UNINSTALLED_FACT, WORKSPACE_FACT, GuardError
from polar_attio_pipeline.passes.lease import Waits, one_writer
from polar_attio_pipeline.passes.reaching import FAILURES
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import Settings

_OWNERS = {ORGANIZATION_FACT: "Polar organization", WORKSPACE_FACT: "Attio workspace"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A backup beside the ledger that it would take the place of.

    Attributes:
        backup: What it holds.
        present: What the ledger holds; None where there is none, or it cannot be opened.
        problem: Why it cannot be opened.
        newer_passes: How many passes the ledger has that are newer than the backup.
        newer_values: How many written values.
    """

    backup: Contents
    present: Contents | None = None
    problem: str | None = None
    newer_passes: int = 0
    newer_values: int = 0


def compare(backup: Path, place: Location) -> Comparison:
    """Read a backup and the ledger through; nothing is changed.

    Args:
        backup: The file.
        place: The ledger, a SQLite file.

    Raises:
        LedgerError: the backup is damaged, of another program or of a newer version; or the ledger's file is of
            another program.
        GuardError: the two belong to different organizations or workspaces.
    """
    assert place.file is not None, "only SQLite's files come here"
    if backup.exists() and place.file.exists() and backup.samefile(place.file):
        raise NoLedgerError(f"{backup} is the ledger itself: name a backup of it.")
    found = examine(backup, name=f"The backup {backup}")
    if not place.file.exists():
        return Comparison(found)
    name = f"The ledger {place.name}"
    try:
        present = examine(place.file, name=name)
        passes, values = only_in(place.file, found, name=name)
    except UNUSABLE as error:
        return Comparison(found, problem=str(error))
    check_owners(found, present.facts, whose="the ledger here belongs")
    return Comparison(found, present, newer_passes=passes, newer_values=values)


def check_owners(backup: Contents, owners: Mapping[str, str | None], *, whose: str) -> None:
    """Insist that a backup belongs to an organization and a workspace, as far as both are known.

    Args:
        backup: What it holds.
        owners: The ids, by the names of the facts.
        whose: What has these owners, as the beginning of a sentence: "the tokens belong".

    Raises:
        GuardError: it belongs to another one.
    """
    for name, what in _OWNERS.items():
        theirs, ours = backup.facts.get(name), owners.get(name)
        if theirs and ours and theirs != ours:
            raise GuardError(
                f"The backup belongs to the {what} {theirs}, but {whose} to {ours}: nothing was changed. Restore the "
                "backup where its own organization is synced."
            )


async def owners_of(settings: Settings, *, retry: RetryPolicy) -> tuple[dict[str, str | None], list[str]]:
    """Ask whose the tokens are, as far as there are tokens and the services answer.

    Args:
        settings: The tokens, which may be missing.
        retry: Bounds of the retries.

    Returns:
        The ids by the names of the facts, and why a service could not be asked, in sentences.
    """
    found: dict[str, str | None] = {}
    problems = []
    if settings.polar_access_token.get_secret_value().strip():
        try:
            async with polar_of(settings, retry=retry) as polar:
                found[ORGANIZATION_FACT] = await PolarClient(polar).organization_id()
        except FAILURES as error:
            problems.append(str(error))
    if settings.attio_api_key.get_secret_value().strip():
        try:
            async with attio_of(settings, retry=retry) as attio:
                found[WORKSPACE_FACT] = (await identify(attio)).workspace_id
        except FAILURES as error:
            problems.append(str(error))
    return found, problems


async def restore(ledger: Ledger, place: Location, backup: Path, kept: Path, *, waits: Waits) -> Path | None:
    """Put a backup in place of the ledger while no pass is at work.

    Of a ledger that cannot be opened, it cannot be known whether a pass is at work.

    Args:
        ledger: The ledger.
        place: Where it is, a SQLite file.
        backup: A file that `compare` takes.
        kept: Where the present ledger is kept.
        waits: Called when a pass is at work, which is waited for.

    Returns:
        Where the present ledger was kept; None where there was none.

    Raises:
        UnavailableError: the pass did not end.
        LedgerError: that is not possible; the ledger is as before.
    """
    if compare(backup, place).present is None:
        return put_back(backup, place, kept, patience=PATIENCE, void=[APPROVED_FACT], stay=[UNINSTALLED_FACT])
    async with one_writer(ledger, what="restoring a backup", waits=waits):
        return put_back(backup, place, kept, patience=PATIENCE, void=[APPROVED_FACT], stay=[UNINSTALLED_FACT])
