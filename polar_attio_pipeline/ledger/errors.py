"""The one error of the ledger."""


class LedgerError(Exception):
    """The ledger cannot be used; the text says in one sentence what is wrong, where, and what to do."""
