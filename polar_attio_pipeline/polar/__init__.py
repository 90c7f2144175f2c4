"""Polar's API: client, tolerant models, windows and all customers."""
