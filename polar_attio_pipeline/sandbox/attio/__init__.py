"""Stands in for Attio's REST API v2: one workspace with people and companies."""
