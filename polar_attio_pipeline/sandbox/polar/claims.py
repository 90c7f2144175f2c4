"""What only one live customer of an organization may hold: an email, in any case, and an external id."""

from typing import Literal

from polar_attio_pipeline.sandbox.polar.rows import Customer


class Claims:
    """The emails and external ids that are taken, and by whom."""

    def __init__(self) -> None:
        self._emails: dict[str, str] = {}
        self._external_ids: dict[str, str] = {}

    def taken(self, row: Customer) -> Literal["email", "external_id"] | None:
        """Return the first field of the row whose value is taken; None if all are free."""
        if row.email and row.email.lower() in self._emails:
            return "email"
        return "external_id" if row.external_id and row.external_id in self._external_ids else None

    def add(self, row: Customer) -> None:
        """Take what the row holds."""
        if row.email:
            self._emails[row.email.lower()] = row.id
        if row.external_id:
            self._external_ids[row.external_id] = row.id

    def remove(self, row: Customer) -> None:
        """Free what the row holds."""
        self._emails.pop((row.email or "").lower(), None)
        self._external_ids.pop(row.external_id or "", None)

    def clear(self) -> None:
        """Free everything."""
        self._emails.clear()
        self._external_ids.clear()

    def of_email(self, email: str) -> str | None:
        """Return the id of the customer that holds the address, in any case."""
        return self._emails.get(email.lower())

    def of_external_id(self, external_id: str) -> str | None:
        """Return the id of the customer of this external id."""
        return self._external_ids.get(external_id)
