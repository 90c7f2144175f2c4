"""Polar's API: client, tolerant models, windows and the whole book."""
