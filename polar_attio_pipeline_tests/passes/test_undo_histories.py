"""Random histories of passes and of people who type between them, taken back pass by pass."""

from random import Random
from typing import Any

import pytest

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.passes.undoing import living_in, newest_pass, undo, workspace

SEEDS = 5
"""Histories in each run of the suite."""

NAMES = ("ada", "bob", "cleo")
TYPED = ("polar_country", "polar_external_id", "job_title")
"""Attributes that people type into: what they typed there, no pass writes over."""


class Life:
    """People who change things in Polar and in Attio, by chance; what they typed into Attio is remembered.

    Attributes:
        typed: What somebody typed last, by record and attribute; None for what was cleared.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self.typed: dict[tuple[str, str], Any] = {}
        self._stage, self._random = stage, random
        self._attio = stage.sandbox.attio
        self._records = [
            self._attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example") for name in NAMES
        ]
        self._customers: list[Customer] = [stage.add(name, **living_in("DE")) for name in NAMES]

    def change_polar(self) -> None:
        for customer in self._customers:
            changes: dict[str, Any] = self._random.choice(
                [
                    {},
                    living_in(self._random.choice(["DE", "FR", "IT"])),
                    {"external_id": f"{customer.id[:8]}-{self._random.randrange(3)}"},
                    {"name": self._random.choice(["Ada Lovelace", "Bob Babbage"])},
                    {"email": f"{self._random.randrange(3)}-{customer.email}"},
                ]
            )
            self._stage.sandbox.polar.update_customer(customer.id, **changes)

    def type_into_attio(self) -> None:
        for _ in range(self._random.randrange(3)):
            record, key = self._random.choice(self._records), self._random.choice(TYPED)
            value = self._random.choice([None, "typed", "DE"])
            if value is None:
                self._attio.clear_value(record, key)
            else:
                self._attio.edit_person(record, {key: value})
            self.typed[record, key] = value


@pytest.mark.parametrize("seed", range(SEEDS))
def test_passes_taken_back_the_newest_first_leave_what_people_typed_and_nothing_else(stage: Stage, seed: int) -> None:
    random = Random(seed)
    life = Life(stage, random)
    before = workspace(stage.sandbox.attio)
    passes = []
    for _ in range(random.randint(1, 4)):
        life.type_into_attio()
        stage.reconcile()
        passes.append(newest_pass(stage))
        life.change_polar()

    for name in reversed(passes):
        life.type_into_attio()
        undo(stage, name)

    after = workspace(stage.sandbox.attio)
    assert after.keys() == before.keys()
    for record_id, values in after.items():
        typed = {key: value for (record, key), value in life.typed.items() if record == record_id}
        expected = {slug: held for slug, held in before[record_id].items() if slug not in typed}
        assert {slug: held for slug, held in values.items() if slug not in typed} == expected
        assert {key: values[key][0]["value"] if key in values else None for key in typed} == typed
