"""Keeps Polar's paying customers in Attio's People."""
