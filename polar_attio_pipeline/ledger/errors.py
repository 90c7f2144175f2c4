"""The errors of the ledger."""


class LedgerError(Exception):
    """The ledger cannot be used; the text says in one sentence what is wrong, where, and what to do."""


class DamagedError(LedgerError):
    """The file is damaged, or no SQLite database at all."""


class NoLedgerError(LedgerError):
    """There is no file, or it is no ledger."""


class NewerError(LedgerError):
    """The file was written by a newer version of this program."""
