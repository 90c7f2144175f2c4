"""A history in memory: which writes are intended, which are known to be carried out; and what a crash leaves of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.intents import Intent, seen_of_person
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.writes import Write
from polar_attio_pipeline_tests.worlds.workspace import Everybody


@dataclass
class Journal:
    """Implements `sync.ports.History`; what it takes is on disk, as it were, and survives a crash.

    Attributes:
        intended: Writes of which it is not known what became of them.
        written: Writes that were carried out.
        watch: Called whenever a crash would find something else than before.
    """

    intended: list[Intent] = field(default_factory=list)
    written: list[Write] = field(default_factory=list)
    watch: Callable[[], None] = lambda: None

    def intend(self, intents: Sequence[Intent]) -> None:
        left = [one for one in self.intended if not any(intent.replaces(one) for intent in intents)]
        self.intended = [*left, *intents]
        self.watch()

    def settle(self, intent: Intent, *writes: Write) -> None:
        self.intended.remove(intent)
        self.written += writes
        self.watch()

    def unsettled(self, customer_id: str) -> Sequence[Intent]:
        return [intent for intent in self.intended if intent.customer_id == customer_id]

    def add(self, write: Write) -> None:
        self.written.append(write)
        self.watch()

    def after_a_crash(self, people: Everybody) -> list[Write]:
        """What the next pass has on record before its first write: it looks what became of each intended write."""
        found = []
        for intent in self.intended:
            shown = [
                person for person in people.values() if intent.record_id or person_id(person) == intent.customer_id
            ]
            seen = [write for person in shown if (write := seen_of_person(intent, person))]
            found += seen[:1]
        return [*self.written, *found]
