"""Sensors, each beside its rules."""
