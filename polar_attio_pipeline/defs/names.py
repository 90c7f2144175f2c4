"""The names of everything that Dagster keeps by name, so that one code location can have the pipeline twice."""

import re
from dataclasses import dataclass

import dagster as dg

from polar_attio_pipeline import processes
from polar_attio_pipeline.defs.runs import Target

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,29}")
"""Letters, digits and underscores are what Dagster allows in names, and a tag has at most 63 characters."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one instance of the pipeline.

    Attributes:
        prefix: Stands before each of them; empty where there is only one instance.

    Raises:
        ValueError: Dagster would not take names with such a prefix.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        """Judge the prefix."""
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise ValueError(
                f"The prefix {self.prefix!r} does not do: begin with a letter, and use at most 30 letters, digits and "
                "underscores."
            )

    def of(self, name: str) -> str:
        """Return the name of a job, schedule, sensor, resource, group or op."""
        return f"{self.prefix}_{name}" if self.prefix else name

    def asset(self, name: str) -> dg.AssetKey:
        """Return the key of an asset."""
        return dg.AssetKey([self.prefix, name] if self.prefix else name)

    @property
    def pool(self) -> str:
        """The pool of whatever writes to Attio: an instance that limits it to 1 starts one such run at a time."""
        return self.of("attio")

    @property
    def people(self) -> Target:
        """The asset of the hours, and its job."""
        return Target(self.asset("attio_people"), self.of("customer_sync"))

    @property
    def reconciliation(self) -> Target:
        """The asset of the reconciliation, and its job."""
        return Target(self.asset("customer_reconciliation"), self.of("full_reconciliation"))

    @property
    def changed(self) -> Target:
        """The asset of customers that have changed, and its job."""
        # Dagster refuses a job by the name of an op, which an asset lends its name to.
        return Target(self.asset("changed_customers"), self.of("changed_customer_sync"))

    @property
    def companies(self) -> Target:
        """The asset of companies, and its job."""
        return Target(self.asset("attio_companies"), self.of("company_sync"))

    @property
    def process_tag(self) -> str:
        """Tag of a run: the process that it runs in."""
        return f"{processes.TAG}_{self.prefix}" if self.prefix else processes.TAG
