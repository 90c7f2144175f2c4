"""Keeps Polar's customers in Attio's People."""

__version__ = "0.1.0"
"""The only place that states the version: the build reads it here, and so does everything that shows it. So what is
shown is the version of the code that runs, also where an installation's metadata is older, as in an edited clone."""
