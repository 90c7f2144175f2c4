"""How timestamps and texts are stored, so that SQLite and Postgres give the same back."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware datetime; comes back in UTC. SQLite keeps it as text in UTC, whose order is the order of time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return what the driver takes."""
        if value is None:
            return None
        assert value.tzinfo, "a timestamp without a zone could be any hour of the day"
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Return it in UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class SafeText(TypeDecorator[str]):
    """Text from elsewhere, which may hold what a database refuses: see `storable`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Return what the driver takes."""
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """Return a text with U+FFFD in place of what would make the whole transaction fail.

    Postgres refuses NUL, both drivers refuse unpaired surrogates, and JSON may bring either.
    """
    if text.isascii():
        return text.replace("\0", "�") if "\0" in text else text
    return text.replace("\0", "�").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
