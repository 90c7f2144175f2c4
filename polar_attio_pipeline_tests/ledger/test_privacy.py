"""What other users of the machine may do with a ledger is said, with the command that ends it."""

from pathlib import Path

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.privacy import exposure
from polar_attio_pipeline_tests.ledger.builders import outcome


def test_a_ledger_that_made_its_own_folder_is_private(file: Path) -> None:
    Ledger(file).record([outcome("ada")], pass_id="p1")

    assert exposure(locate(file)) is None


def test_a_ledger_that_is_not_there_or_on_a_server_is_no_matter_of_permissions(file: Path) -> None:
    assert exposure(locate(file)) is None
    assert exposure(locate("postgresql://somewhere/ledger")) is None


def test_each_file_that_others_can_read_is_named(file: Path) -> None:
    Ledger(file).record([outcome("ada")], pass_id="p1")
    wal = file.with_name("ledger.db-wal")
    wal.touch(0o644)
    wal.chmod(0o644)
    assert exposure(locate(file)) == (
        f"{wal} can be read by other users of this machine, and holds names and addresses: chmod 600 {wal}"
    )

    file.chmod(0o640)
    assert (exposure(locate(file)) or "").endswith(f"chmod 600 {file} {wal}")


def test_a_folder_in_which_others_may_replace_the_file_is_named_and_one_that_they_may_only_look_into_is_not(
    file: Path,
) -> None:
    Ledger(file).record([outcome("ada")], pass_id="p1")

    file.parent.chmod(0o755)
    assert exposure(locate(file)) is None

    file.parent.chmod(0o777)
    assert exposure(locate(file)) == (
        f"Other users of this machine may replace the ledger {file}: chmod 700 {file.parent}"
    )

    file.parent.chmod(0o1777)
    assert exposure(locate(file)) is None
