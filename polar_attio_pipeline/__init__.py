"""Keeps Polar's customers in Attio's People."""
