"""How long commands wait for a service, while a person waits for them."""

from polar_attio_pipeline.http.retries import RetryPolicy

IMPATIENT = RetryPolicy(attempts=2, seconds=15, first_wait=0.2, longest_pause=5, attempt_seconds=15)
"""For a few questions."""

PATIENT = RetryPolicy(attempts=4, seconds=90, longest_pause=60)
"""For a command that reads a lot: sits out one of Polar's minutes, but no outage."""
