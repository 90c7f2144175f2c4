"""Attio's API: client, attribute discovery and set-up, typed records."""
