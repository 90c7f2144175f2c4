"""The ledger: what became of every customer, what each pass read and did, and who may write. SQL lives here only."""

from polar_attio_pipeline.ledger.changes import ChangeRow
from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.lease import Holder
from polar_attio_pipeline.ledger.ledger import PATIENCE, Ledger
from polar_attio_pipeline.ledger.outcomes import OutcomeRow
from polar_attio_pipeline.ledger.passes import PassRow
from polar_attio_pipeline.ledger.past import Past
from polar_attio_pipeline.ledger.reasons import ReasonCount
from polar_attio_pipeline.ledger.recorder import PORTION, Recorder
from polar_attio_pipeline.ledger.skipped import SKIPPED_BY, SkippedRow
from polar_attio_pipeline.ledger.snapshots import Snapshot
from polar_attio_pipeline.ledger.subscriptions import SubscriptionSnapshot

__all__ = [
    "PATIENCE",
    "PORTION",
    "SKIPPED_BY",
    "ChangeRow",
    "Holder",
    "Ledger",
    "LedgerError",
    "OutcomeRow",
    "PassRow",
    "Past",
    "ReasonCount",
    "Recorder",
    "SkippedRow",
    "Snapshot",
    "SubscriptionSnapshot",
]
